"""Which socket carries which instrument. Pure; used by the ticker."""

from collections.abc import Mapping

from app.domain.quotes import StreamMode


class Allotment:
    """A stable division of tokens among sockets: a token stays where it is for as long as it is wanted.

    Sockets are filled one after the other, so none is opened before it is needed.
    """

    def __init__(self, sockets: int, instruments_per_socket: int) -> None:
        self._room = instruments_per_socket
        self._shares: list[dict[int, StreamMode]] = [{} for _ in range(sockets)]

    def divide(self, wanted: Mapping[int, StreamMode]) -> list[dict[int, StreamMode]]:
        """The share of each socket. Tokens beyond the room of all of them are left out."""
        placed = {token: index for index, share in enumerate(self._shares) for token in share}
        shares: list[dict[int, StreamMode]] = [{} for _ in self._shares]
        for token, mode in wanted.items():
            if token in placed:
                shares[placed[token]][token] = mode
        free = (index for index, share in enumerate(shares) for _ in range(self._room - len(share)))
        newcomers = ((token, mode) for token, mode in wanted.items() if token not in placed)
        # `free` must be listed before the shares grow, or it would count the newcomers as well.
        for index, (token, mode) in zip(list(free), newcomers, strict=False):
            shares[index][token] = mode
        self._shares = shares
        return shares
