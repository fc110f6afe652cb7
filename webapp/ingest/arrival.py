"""What all steps of one ingesting transaction share."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from webapp.models import Workspace


@dataclass(slots=True)
class Arrival:
    """One transaction's session, workspace and time of arrival (epoch ms), and what it has done to profiles.

    `born`: customers that it made by their System ID. `touched`: those whose merges or own history it changed.
    """

    session: Session
    workspace: Workspace
    received_at: int
    born: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
