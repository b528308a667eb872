"""The terminal: commands, tables, progress. What a command does is elsewhere; here it is said."""
