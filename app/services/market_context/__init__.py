"""The market's context: inputs gathered, measures of `app.domain.market_*` applied, one answer for all who ask."""
