"""What crosses the wire: jobs, their validation, errors, arrays in chunks, and the words between processes."""
