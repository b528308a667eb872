"""Pure decisions. Nothing here knows a clock, a database or HTTP; `reconcile` composes the rest."""
