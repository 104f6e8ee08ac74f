"""How far behind a replica is taken to be."""

from sql.replica import ReplicaLag


def test_nothing_is_known_before_the_first_position_was_reached() -> None:
    lag = ReplicaLag()
    assert lag.seconds(5) == float("inf")
    lag.primary_was_at(100, now=1)
    lag.replica_is_at(99)
    assert lag.seconds(5) == float("inf")


def test_an_idle_primary_leaves_no_lag() -> None:
    lag = ReplicaLag()
    for second in range(100):
        lag.primary_was_at(100, now=second)
        lag.replica_is_at(100)
        assert lag.seconds(second) == 0


def test_a_replica_that_stands_still_falls_behind_as_time_goes() -> None:
    lag = ReplicaLag()
    for second in range(10):
        lag.primary_was_at(100 + second, now=second)
        lag.replica_is_at(102)
    assert lag.seconds(9) == 9 - 2


def test_a_replica_that_is_cut_off_from_an_idle_primary_has_everything() -> None:
    lag = ReplicaLag()
    lag.primary_was_at(100, now=0)
    lag.replica_is_at(100)
    lag.primary_was_at(100, now=60)
    lag.replica_is_at(100)
    assert lag.seconds(60) == 0


def test_while_the_primary_is_away_nobody_knows_of_newer_data() -> None:
    lag = ReplicaLag()
    lag.primary_was_at(100, now=0)
    lag.replica_is_at(100)
    assert lag.seconds(60) == 60


def test_one_that_catches_up_is_as_near_as_the_newest_position_it_reached() -> None:
    lag = ReplicaLag()
    for second in range(10):
        lag.primary_was_at(100 + second, now=second)
    lag.replica_is_at(107)
    assert lag.seconds(10) == 3
    lag.replica_is_at(200)
    assert lag.seconds(10) == 1
