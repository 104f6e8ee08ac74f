"""Every endpoint and every page, from the features that have them."""

import service.alerts.api
import service.alerts.pages
import service.annotations.api
import service.annotations.pages
import service.audit.api
import service.audit.pages
import service.breakdown.api
import service.catalog.api
import service.catalog.derived_page
import service.catalog.pages
import service.catalog.removal_page
import service.catalog.removing
import service.channels.api
import service.channels.pages
import service.corrections.api
import service.corrections.closing
import service.corrections.closing_page
import service.corrections.pages
import service.corrections.reconcile_page
import service.corrections.reconciling
import service.corrections.relabelling
import service.corrections.selection_page
import service.dashboards.api
import service.dashboards.editing
import service.dashboards.files
import service.dashboards.pages
import service.dashboards.panel_editing
import service.dashboards.sharing
import service.documentation.pages
import service.explain.api
import service.explain.pages
import service.explore.api
import service.explore.pages
import service.explore.saving
import service.exposition.api
import service.forecast.api
import service.graphql.api
import service.graphql.pages
import service.health.api
import service.health.pages
import service.imports.api
import service.imports.pages
import service.ingest.api
import service.keys.api
import service.keys.pages
import service.labels.api
import service.line_protocol.api
import service.mappings.api
import service.otlp.api
import service.overview.pages
import service.preferences.pages
import service.remote_read.api
import service.remote_write.api
import service.rules.api
import service.rules.pages
import service.sign_in.account
import service.sign_in.api
import service.sign_in.pages
import service.sign_in.welcome
import service.silences.api
import service.silences.pages
import service.status.api
import service.status.telemetry
import service.storage.pages
import service.targets.api
import service.targets.pages
import service.tenants.api
import service.tenants.pages
import service.users.api
import service.users.pages
import service.web.administration

ENDPOINTS = [
    *service.ingest.api.ENDPOINTS,
    *service.imports.api.ENDPOINTS,
    *service.line_protocol.api.ENDPOINTS,
    *service.remote_write.api.ENDPOINTS,
    *service.otlp.api.ENDPOINTS,
    *service.mappings.api.ENDPOINTS,
    *service.explore.api.ENDPOINTS,
    *service.breakdown.api.ENDPOINTS,
    *service.explain.api.ENDPOINTS,
    *service.corrections.api.ENDPOINTS,
    *service.corrections.reconciling.ENDPOINTS,
    *service.corrections.closing.ENDPOINTS,
    *service.corrections.relabelling.ENDPOINTS,
    *service.forecast.api.ENDPOINTS,
    *service.exposition.api.ENDPOINTS,
    *service.remote_read.api.ENDPOINTS,
    *service.graphql.api.ENDPOINTS,
    *service.annotations.api.ENDPOINTS,
    *service.targets.api.ENDPOINTS,
    *service.catalog.api.ENDPOINTS,
    *service.catalog.removing.ENDPOINTS,
    *service.labels.api.ENDPOINTS,
    *service.status.api.ENDPOINTS,
    *service.health.api.ENDPOINTS,
    *service.rules.api.ENDPOINTS,
    *service.alerts.api.ENDPOINTS,
    *service.silences.api.ENDPOINTS,
    *service.channels.api.ENDPOINTS,
    *service.dashboards.api.ENDPOINTS,
    *service.status.telemetry.ENDPOINTS,
    *service.keys.api.ENDPOINTS,
    *service.tenants.api.ENDPOINTS,
    *service.audit.api.ENDPOINTS,
    *service.sign_in.api.ENDPOINTS,
    *service.users.api.ENDPOINTS,
]

PAGES = [
    *service.overview.pages.PAGES,
    *service.explore.pages.PAGES,
    *service.explain.pages.PAGES,
    *service.annotations.pages.PAGES,
    *service.targets.pages.PAGES,
    *service.explore.saving.PAGES,
    *service.graphql.pages.PAGES,
    *service.corrections.pages.PAGES,
    *service.corrections.reconcile_page.PAGES,
    *service.corrections.closing_page.PAGES,
    *service.corrections.selection_page.PAGES,
    *service.imports.pages.PAGES,
    *service.dashboards.pages.PAGES,
    *service.dashboards.editing.PAGES,
    *service.dashboards.files.PAGES,
    *service.dashboards.sharing.PAGES,
    *service.dashboards.panel_editing.PAGES,
    *service.health.pages.PAGES,
    *service.alerts.pages.PAGES,
    *service.rules.pages.PAGES,
    *service.silences.pages.PAGES,
    *service.channels.pages.PAGES,
    *service.web.administration.PAGES,
    *service.catalog.pages.PAGES,
    *service.catalog.derived_page.PAGES,
    *service.catalog.removal_page.PAGES,
    *service.users.pages.PAGES,
    *service.keys.pages.PAGES,
    *service.audit.pages.PAGES,
    *service.storage.pages.PAGES,
    *service.tenants.pages.PAGES,
    *service.sign_in.account.PAGES,
    *service.sign_in.pages.PAGES,
    *service.sign_in.welcome.PAGES,
    *service.preferences.pages.PAGES,
    *service.documentation.pages.PAGES,
]
