"""A local AWS: moto's server, with what it leaves out of its answers and Terraform or this test reads."""

import base64
import sys

from moto.awslambda.models import LambdaFunction
from moto.rds.models import DBCluster
from moto.server import main


def keep_logging_config():
    """moto takes LoggingConfig and never returns it, which Terraform would see as a change."""
    init = LambdaFunction.__init__
    get_configuration = LambdaFunction.get_configuration
    update_configuration = LambdaFunction.update_configuration

    def with_logging_config(self, account_id, spec, *args, **kwargs):
        init(self, account_id, spec, *args, **kwargs)
        self.logging_config = spec.get("LoggingConfig")

    def returned(self, *args, **kwargs):
        return get_configuration(self, *args, **kwargs) | {"LoggingConfig": self.logging_config}

    def updated(self, spec):
        self.logging_config = spec.get("LoggingConfig", self.logging_config)
        return update_configuration(self, spec)

    LambdaFunction.__init__ = with_logging_config
    LambdaFunction.get_configuration = returned
    LambdaFunction.update_configuration = updated


def give_the_zip_back():
    """AWS answers GetFunction with a URL of the zip; moto's points to a bucket that does not exist."""
    get_code = LambdaFunction.get_code

    def with_zip(self):
        location = "data:application/zip;base64," + base64.b64encode(self.code_bytes).decode()
        return get_code(self) | {"Code": {"RepositoryType": "S3", "Location": location}}

    LambdaFunction.get_code = with_zip


def leave_out_serverless_v1():
    """moto answers with empty scaling of the first Serverless where a cluster has none."""
    info = DBCluster.scaling_configuration_info.fget
    DBCluster.scaling_configuration_info = property(lambda self: info(self) if self.scaling_configuration else None)


keep_logging_config()
give_the_zip_back()
leave_out_serverless_v1()
main(sys.argv[1:])
