"""The command line: arguments, tables, messages and progress. The work is done elsewhere."""
