"""Shows who thinks for each agent here: chains, prices, limits, and whether the models answer."""

import os
from argparse import ArgumentParser
from typing import Any, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.definition import Purpose
from agents.llm.pricing import BadPrices, dearest_prices
from agents.llm.providers import Misconfigured, account
from agents.models import Agent, ModelHealth, ProviderTraffic, SpendingAccount
from agents.spending.limits import Most
from agents.spending.money import shown
from agents.spending.pacing import pace_of
from agents.spending.prices import own_prices
from agents.spending.probe import probe

SCOPES = dict(SpendingAccount.Scope.choices)


class Command(BaseCommand):
    help = "Show the chain of each agent, whether its models are set up and answer, prices, limits and budgets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--probe", action="store_true", help="Ask each model for one tiny call. It costs a little.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            own_prices()
        except BadPrices as bad:
            raise CommandError(f"COUNTERSIGN_PRICES can't be used: {bad}") from None
        named = self._agents()
        models = sorted(name for name in named if name != "playbook")
        failed = [model for model in models if not self._model(model, options["probe"])]
        self._providers(sorted({model.partition(":")[0] for model in models}))
        self._budgets()
        if options["probe"] and failed:
            raise CommandError(f"No answer from {', '.join(failed)}.")

    def _agents(self) -> set[str]:
        """Prints each agent's chain, and gives every name in them."""
        named: set[str] = set()
        for agent in Agent.objects.order_by("name"):
            version = agent.current_version
            if version is None:
                continue
            definition = version.read()
            named.update(definition.models)
            self.stdout.write(f"{version}: {' → '.join(definition.models)}")
            for purpose in get_args(Purpose):
                chain = definition.chain(purpose)
                if chain != definition.models:
                    named.update(chain)
                    self.stdout.write(f"  {purpose}: {' → '.join(chain)}")
        if not named:
            self.stdout.write("There are no agents yet. `manage.py load_agent` makes one.")
        return named

    def _model(self, model: str, ask: bool) -> bool:
        """Prints what is known of a model; says whether it could be asked, and answered where it was asked."""
        self.stdout.write(f"\n{model}")
        try:
            account(model.partition(":")[0], os.environ)
        except Misconfigured as error:
            self.stdout.write(f"  not configured: {error}")
            return False
        self.stdout.write(f"  prices: {_prices(model)}")
        self.stdout.write(f"  health: {_health(model)}")
        if not ask:
            return True
        found = probe(model)
        self.stdout.write(f"  probe: {found.sentence}")
        return found.answered

    def _providers(self, providers: list[str]) -> None:
        for provider in providers:
            pace, traffic = pace_of(provider), ProviderTraffic.objects.filter(provider=provider).first()
            limits = ", ".join(
                f"{limit:,} {what}" if limit else f"any number of {what}"
                for limit, what in (
                    (pace.in_flight, "calls at once"),
                    (pace.requests, "requests a minute"),
                    (pace.tokens, "tokens a minute"),
                )
            )
            self.stdout.write(f"\n{provider}: {limits}; {traffic.in_flight if traffic else 0} under way now")

    def _budgets(self) -> None:
        said = []
        for scope, (dollars, tokens) in settings.COUNTERSIGN_BUDGETS.items():
            if limit := Most(dollars, tokens):
                amounts = [shown(limit.dollars)] if limit.dollars is not None else []
                amounts += [f"{limit.tokens:,} tokens"] if limit.tokens is not None else []
                said.append(f"{SCOPES[scope].lower()}: {' and '.join(amounts)}")
        self.stdout.write("\nBudgets: " + ("; ".join(said) or "none. Nothing limits what is spent (docs/budgets.md)."))


def _prices(model: str) -> str:
    prices = dearest_prices(model, timezone.now(), own_prices())
    if prices is None:
        return "unpriced. Under a budget of money it is not asked; COUNTERSIGN_PRICES gives it a price"
    parts = (("in", prices.input), ("cached", prices.cached), ("written", prices.written), ("out", prices.output))
    amounts = ", ".join(f"{name} ${amount:f}" for name, amount in parts)
    return f"{amounts} at most for a million tokens ({prices.source})"


def _health(model: str) -> str:
    row = ModelHealth.objects.filter(model=model).first()
    if row is None or (row.failures == 0 and row.rests_until is None):
        return "nothing against it"
    rests = ""
    if row.rests_until is not None:
        rests = f"; nobody asks it before {timezone.localtime(row.rests_until):%H:%M:%S}"
    return f"{row.failures} turns in a row failed, lastly {row.error_kind}: {row.error}{rests}"
