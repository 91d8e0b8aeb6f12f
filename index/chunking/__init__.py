"""Cutting documents into passages whose offsets into the stored text are exact."""
