"""Dashboards: the API, the boards, editing and sharing them."""
