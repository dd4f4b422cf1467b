"""How is the admin laid out? Its title, its colours, and the side bar that each person sees."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True)
class Link:
    title: str
    icon: str
    view: str
    permission: str
    app: str = ""

    def address(self) -> str | None:
        """Where it leads; None if that part is not installed."""
        try:
            return reverse(self.view, args=[self.app] if self.app else None)
        except NoReverseMatch:
            return None


SIDEBAR: dict[str, tuple[Link, ...]] = {
    "Work": (
        Link("Front page", "home", "admin:index", "agents.view_agenttask"),
        Link("Tasks", "task_alt", "admin:agents_agenttask_changelist", "agents.view_agenttask"),
        Link("Review queue", "approval", "admin:review_reviewrequest_changelist", "review.view_reviewrequest"),
    ),
    "Record": (
        Link("Escalations", "troubleshoot", "admin:review_escalations", "review.view_reviewrequest"),
        Link("Decisions", "gavel", "admin:review_decision_changelist", "review.view_decision"),
        Link("Model calls", "network_node", "admin:agents_modelcall_changelist", "agents.view_modelcall"),
        Link("Budgets", "savings", "admin:agents_spendingaccount_changelist", "agents.view_spendingaccount"),
    ),
    "Agents": (
        Link("Agents", "smart_toy", "admin:agents_agent_changelist", "agents.view_agent"),
        Link("Versions", "history", "admin:agents_agentversion_changelist", "agents.view_agentversion"),
    ),
    "Operations": (
        Link("Kill switches", "emergency_home", "admin:agents_killswitch_changelist", "agents.view_killswitch"),
        Link("Health of models", "heart_check", "admin:agents_modelhealth_changelist", "agents.view_modelhealth"),
        Link("Workers", "memory", "admin:agents_workerprocess_changelist", "agents.view_workerprocess"),
        Link("API keys", "key", "admin:agents_apikey_changelist", "agents.view_apikey"),
    ),
    "Outgoing": (
        Link("Webhook deliveries", "send", "admin:outgoing_delivery_changelist", "outgoing.view_delivery"),
        Link("Notices to reviewers", "outgoing_mail", "admin:review_notice_changelist", "review.view_notice"),
        Link("Chat systems", "forum", "admin:review_chathook_changelist", "review.view_chathook"),
        Link("Webhook endpoints", "webhook", "admin:outgoing_endpoint_changelist", "outgoing.view_endpoint"),
    ),
    "Sample desk": (Link("Shop", "storefront", "admin:app_list", "shop.view_order", app="shop"),),
    "People": (
        Link("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
        Link("Teams", "groups", "admin:agents_team_changelist", "agents.view_team"),
        Link("My notifications", "notifications", "admin:review_wish_changelist", "review.change_wish"),
        Link("Groups", "group", "admin:auth_group_changelist", "auth.view_group"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar for this person: what is installed, and what they may see."""
    groups: list[dict[str, Any]] = []
    for title, links in SIDEBAR.items():
        items = [
            {"title": link.title, "icon": link.icon, "link": address}
            for link in links
            if request.user.has_perm(link.permission) and (address := link.address())
        ]
        if items:
            groups.append({"title": title, "separator": bool(groups), "items": items})
    return groups


def environment(request: HttpRequest) -> list[str] | None:
    """The badge at the top of each page, so that nobody takes the demo for the real desk."""
    return ["Demo", "info"] if settings.COUNTERSIGN_DEMO else None


# The colour of a signature; white on 600 and darker is readable (5.9:1 and more).
INK = {
    "50": "oklch(97.5% .012 258)",
    "100": "oklch(94.5% .027 258)",
    "200": "oklch(89.5% .05 258)",
    "300": "oklch(81.5% .085 258)",
    "400": "oklch(72% .12 258)",
    "500": "oklch(61% .15 258)",
    "600": "oklch(51% .155 258)",
    "700": "oklch(44.5% .14 258)",
    "800": "oklch(38.5% .115 258)",
    "900": "oklch(33.5% .09 258)",
    "950": "oklch(25.5% .065 258)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Countersign",
    "SITE_HEADER": "Countersign",
    "SITE_SYMBOL": "approval",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("countersign/favicon.svg")}
    ],
    "DASHBOARD_CALLBACK": "review.admin.front.dashboard",
    "GLOBAL_CALLBACK": "review.admin.front.everywhere",
    "STYLES": [lambda request: static("countersign/desk.css")],
    "SCRIPTS": [lambda request: static("countersign/desk.js")],
    "COLORS": {"primary": INK},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.desk.environment",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "config.desk.navigation"},
}
