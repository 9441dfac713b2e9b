{
  description = "Tells a Slack channel who connects to an Aurora PostgreSQL cluster";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";
    crane.url = "github:ipetkov/crane";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      crane,
      rust-overlay,
      ...
    }:
    let
      inherit (nixpkgs) lib;

      # The machines that can build. What they build for Lambda is always arm64 Linux.
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];

      # A source holds only the files it names, so that editing anything else rebuilds nothing.
      sourceOf =
        files:
        lib.fileset.toSource {
          root = ./.;
          fileset = lib.fileset.unions files;
        };
      crate = [
        ./Cargo.toml
        ./Cargo.lock
        ./src
      ];

      # cargo insists on a file for each test and bench that Cargo.toml names. The function is built
      # with empty ones, so that an edited test does not rebuild it.
      emptyTests =
        let
          manifest = lib.importTOML ./Cargo.toml;
          fileIn = folder: target: target.path or "${folder}/${target.name}.rs";
          files =
            map (fileIn "tests") (manifest.test or [ ]) ++ map (fileIn "benches") (manifest.bench or [ ]);
        in
        lib.concatMapStrings (file: "install -D /dev/null ${file}\n") files;

      project =
        system:
        let
          pkgs = import nixpkgs {
            inherit system;
            overlays = [ rust-overlay.overlays.default ];
          };

          # Compiler and standard library as the Rust project built them: none is compiled here.
          craneLib = (crane.mkLib pkgs).overrideToolchain (
            p:
            (p.rust-bin.fromRustupToolchainFile ./rust-toolchain.toml).override {
              targets = [ "aarch64-unknown-linux-musl" ];
            }
          );

          # --- the Lambda function ---------------------------------------------------------

          lambdaArgs = {
            pname = "bootstrap";
            src = sourceOf crate;
            strictDeps = true;
            # zig is C compiler and linker for arm64 on each of the systems, and has its own musl.
            # Not a cross stdenv: its CC and linker would win over zig.
            nativeBuildInputs = [ pkgs.cargo-zigbuild ];
            # zig and cargo-zigbuild keep caches in $HOME, which the sandbox lacks. The names are
            # fixed because cargo compiles the C libraries anew when CC changes.
            preBuild = ''
              ${emptyTests}
              source ${./scripts/lambda-build-env.sh}
              export CARGO_ZIGBUILD_CACHE_DIR="$NIX_BUILD_TOP/zigbuild"
              export ZIG_GLOBAL_CACHE_DIR="$NIX_BUILD_TOP/zig" ZIG_LOCAL_CACHE_DIR="$NIX_BUILD_TOP/zig"
            '';
            cargoBuildCommand = "cargoWithProfile zigbuild";
            cargoExtraArgs = "--locked --no-default-features --bin bootstrap";
            doCheck = false; # an arm64 binary does not run here; `checks` tests on the host
            dontFixup = true; # the host's strip and patchelf must not touch an arm64 binary
            doNotSign = true; # nor may codesign, on macOS
          };

          bootstrap = craneLib.buildPackage (
            lambdaArgs
            // {
              # The dependencies alone, kept until Cargo.lock changes. By default crane would run
              # `cargo check` for them too.
              cargoArtifacts = craneLib.buildDepsOnly (
                lambdaArgs // { buildPhaseCargoCommand = "cargoWithProfile zigbuild ${lambdaArgs.cargoExtraArgs}"; }
              );
            }
          );

          package-lambda = craneLib.buildPackage {
            src = ./scripts/package-lambda;
            strictDeps = true;
            cargoArtifacts = null; # its one dependency takes seconds
          };

          lambda-zip = pkgs.runCommand "lambda-zip" { nativeBuildInputs = [ package-lambda ]; } ''
            package-lambda ${bootstrap}/bin/bootstrap $out/lambda.zip
          '';

          # The Terraform module with the function inside: a source that needs neither Nix nor Rust.
          module-archive =
            let
              source = sourceOf [
                ./CHANGELOG.md
                ./LICENSE-APACHE
                ./LICENSE-MIT
                ./examples
                ./scripts/module-archive.sh
                ./scripts/module-folder.sh
                ./terraform
              ];
            in
            pkgs.runCommand "module-archive" { nativeBuildInputs = [ pkgs.zip ]; } ''
              mkdir $out
              bash ${source}/scripts/module-archive.sh \
                $out/aurora-connection-audit.zip ${lambda-zip}/lambda.zip
            '';

          # --- on the machine at hand ------------------------------------------------------

          hostArgs = {
            src = sourceOf (
              crate
              ++ [
                ./README.ja.md
                ./README.md
                (lib.fileset.maybeMissing ./benches)
                ./clippy.toml
                ./terraform/README.md
                ./tests
              ]
            );
            strictDeps = true;
            CARGO_PROFILE = "dev"; # one dependency layer for all below; release would optimise each test
          };
          cargoArtifacts = craneLib.buildDepsOnly hostArgs;

          # Both binaries: `demo` runs the `bootstrap` beside it.
          host = craneLib.buildPackage (
            hostArgs
            // {
              inherit cargoArtifacts;
              doCheck = false; # `checks.test`
            }
          );
        in
        {
          packages = {
            inherit bootstrap lambda-zip module-archive;
            default = lambda-zip;
          };

          apps.demo = {
            type = "app";
            program = toString (
              pkgs.writeShellScript "demo" ''exec ${host}/bin/aurora-connection-audit demo "$@"''
            );
            meta.description = "Run the function on real log lines against a local Slack";
          };

          checks = {
            zip-layout = pkgs.runCommand "zip-layout" { nativeBuildInputs = [ pkgs.python3 ]; } ''
              python3 ${./tests/packaging/check_zip.py} ${lambda-zip}/lambda.zip \
                /nix/store /build
              touch $out
            '';
            clippy = craneLib.cargoClippy (
              hostArgs
              // {
                inherit cargoArtifacts;
                cargoClippyExtraArgs = "--all-targets -- --deny warnings";
              }
            );
            # Without the documentation's examples: rustdoc wants rustc in its own folder of the store.
            test = craneLib.cargoTest (
              hostArgs
              // {
                inherit cargoArtifacts;
                cargoTestExtraArgs = "--lib --bins --tests";
              }
            );
            fmt = craneLib.cargoFmt { inherit (hostArgs) src; };
            # OpenTofu formats alike. nixpkgs would have to compile Terraform, which is not free.
            terraform-fmt =
              pkgs.runCommand "terraform-fmt"
                {
                  modules = sourceOf [
                    ./examples
                    ./terraform
                  ];
                }
                ''
                  ${lib.getExe pkgs.opentofu} fmt -check -diff -recursive $modules
                  touch $out
                '';
          };

          devShells.default = craneLib.devShell {
            packages = with pkgs; [
              cargo-deny
              cargo-zigbuild
              deadnix
              just
              nixfmt
              opentofu
              python3
              shellcheck
              statix
              tflint
              zip
            ];
          };

          formatter = pkgs.nixfmt-tree;
        };

      perSystem = lib.genAttrs systems project;
      output = name: lib.mapAttrs (_: outputs: outputs.${name}) perSystem;
    in
    {
      packages = output "packages";
      apps = output "apps";
      checks = output "checks";
      devShells = output "devShells";
      formatter = output "formatter";
    };
}
