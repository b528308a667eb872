"""Remove what syncd made, and list what stays."""
