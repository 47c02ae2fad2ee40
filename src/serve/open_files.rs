//! How many files and sockets the system lets the process have open, and how many connections fit into that.
//!
//! Without room to spare a flood of connections would leave none for the database: an accepted connection is a file like any other.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the database, its journals, outbound calls and what else the process opens.
const RESERVE: u64 = 256;

/// Raises the process's own limit as far as `connections` want it and the system permits; how many connections fit.
pub(super) fn make_room(connections: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::from(connections).saturating_add(RESERVE);
    let raised = raise(&limit, wanted);
    let raised = raised.filter(|soft| {
        let new = Rlimit {
            current: Some(*soft),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, new).is_ok()
    });
    let room = fitting(connections, raised.or(limit.current));
    if room < connections {
        tracing::warn!(
            asked = connections,
            room,
            "the system permits fewer open files than connections.max asks for; raise the limit (LimitNOFILE, ulimit -n), or lower connections.max"
        );
    }
    room
}

/// The new soft limit, when the old one is too low.
fn raise(limit: &Rlimit, wanted: u64) -> Option<u64> {
    let soft = limit.current.filter(|soft| *soft < wanted)?;
    let possible = limit.maximum.map_or(wanted, |most| wanted.min(most));
    (possible > soft).then_some(possible)
}

/// As many connections as asked for, or as the limit has room for beside the reserve; never none.
fn fitting(connections: u32, limit: Option<u64>) -> u32 {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVE).max(1));
    u32::try_from(room).map_or(connections, |room| connections.min(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_wanted_and_permitted() {
        for (soft, hard, wanted, expected) in [
            (Some(1_024), Some(524_288), 10_256, Some(10_256)),
            (Some(1_024), Some(4_096), 10_256, Some(4_096)),
            (Some(1_024), Some(1_024), 10_256, None),
            (Some(1_024), None, 10_256, Some(10_256)),
            (Some(65_536), Some(65_536), 10_256, None),
            (None, None, 10_256, None),
        ] {
            let limit = Rlimit {
                current: soft,
                maximum: hard,
            };
            assert_eq!(raise(&limit, wanted), expected, "{soft:?} {hard:?}");
        }
    }

    #[test]
    fn connections_leave_room_for_the_database() {
        for (asked, limit, expected) in [
            (10_000, None, 10_000),
            (10_000, Some(10_256), 10_000),
            (10_000, Some(10_255), 9_999),
            (10_000, Some(1_024), 768),
            (10_000, Some(100), 1),
            (10_000, Some(u64::MAX), 10_000),
        ] {
            assert_eq!(fitting(asked, limit), expected, "{limit:?}");
        }
    }

    #[test]
    fn the_process_has_room_for_a_few() {
        assert_eq!(make_room(10), 10);
    }
}
