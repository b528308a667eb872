"""Block calendars whose rooms or equipment are in use, and link contacts."""
