"""What runs over the warehouse: the command line, reports, imports."""
