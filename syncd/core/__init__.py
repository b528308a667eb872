"""Pure decisions. Nothing here knows a clock, a database or HTTP; `decide` composes the rest."""
