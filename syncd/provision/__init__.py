"""Provisioning: create and update rooms, equipment, associations, teams and services."""
