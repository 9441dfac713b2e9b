//! Errors, with the names that the Lambda console shows.
