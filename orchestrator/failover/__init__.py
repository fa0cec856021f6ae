"""From readings to a decided loss, to a chosen backup, to a placed recovery; and what is due by the clock."""
