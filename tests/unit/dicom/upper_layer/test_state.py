"""The state table says what PS3.8 table 9-10 says, and what another implementation says."""

from __future__ import annotations

from pynetdicom.fsm import ACTIONS, TRANSITION_TABLE

from undisc_node.dicom.upper_layer.state import CELLS, Happening, State


def test_every_cell_is_the_one_of_another_implementation():
    ours = {
        (f"Evt{happening.value}", f"Sta{state.value}"): cell[0]
        for (happening, state), cell in CELLS.items()
    }
    assert ours == dict(TRANSITION_TABLE)


def test_every_action_leads_where_it_leads_in_another_implementation():
    for action, following in CELLS.values():
        theirs = ACTIONS[action][2]
        expected = theirs if isinstance(theirs, tuple) else (theirs,)
        assert tuple(f"Sta{state.value}" for state in following) == expected


def test_every_state_that_can_be_entered_can_be_left_by_the_end_of_the_transport():
    for state in State:
        if state is not State.IDLE:
            assert CELLS[Happening.TRANSPORT_CLOSED, state][1] == (State.IDLE,)
