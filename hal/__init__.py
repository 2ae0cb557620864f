"""The hardware of one charging station: pilot boards, energy meters, RFID readers, indicators."""
