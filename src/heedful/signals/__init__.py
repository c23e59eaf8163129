"""The verbs over recordings: classify, regress and detect."""
