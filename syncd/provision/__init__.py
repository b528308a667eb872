"""Rooms, equipment, associations, teams and services: wanted, compared, applied."""
