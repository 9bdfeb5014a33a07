//! The promises that are checked: a sentence for each, what its count counts, and what it needs to be tested at all.

use std::fmt;

/// One promise of etcd to its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant's text is its sentence")]
pub enum Guarantee {
    ClientRevisions,
    MemberRevisions,
    HeadRevision,
    Durability,
    OldReads,
    SerializableReads,
    WatchOrdered,
    WatchUnique,
    WatchAtomic,
    WatchReliable,
    WatchResumable,
    WatchBookmarkable,
    WatchFromStart,
    WatchFiltered,
    WatchTruthful,
    WatchPrevious,
    WatchCreated,
    LeaseKept,
    LeaseEnds,
    LeaseRevoked,
    LockGranted,
    LockFenced,
    ElectionOrder,
    MemberHashes,
    MemberHeads,
    MemberCompactions,
    RevisionsAsked,
}

/// How a promise is presented.
struct Entry {
    guarantee: Guarantee,
    name: &'static str,
    sentence: &'static str,
    counted: &'static str,
    needs: &'static str,
}

use Guarantee::*;

const CATALOG: [Entry; 27] = [
    Entry {
        guarantee: ClientRevisions,
        name: "client-revisions",
        sentence: "No client is answered from before a revision that it was told",
        counted: "linearizable answers after an earlier one of the client",
        needs: "no client had two answers with a revision, one after the other",
    },
    Entry {
        guarantee: MemberRevisions,
        name: "member-revisions",
        sentence: "No member answers from before a revision that it told",
        counted: "linearizable answers after an earlier one of the member",
        needs: "no member that is known by name gave two answers with a revision, one after the other",
    },
    Entry {
        guarantee: HeadRevision,
        name: "head-revision",
        sentence: "The head revision never goes below one that anybody was told",
        counted: "linearizable answers after an earlier one of anybody",
        needs: "no two answers with a revision came one after the other",
    },
    Entry {
        guarantee: Durability,
        name: "durability",
        sentence: "Every acknowledged write is seen by all later reads, until a later write replaces it",
        counted: "acknowledged writes met by a read",
        needs: "no read met a key with an acknowledged write",
    },
    Entry {
        guarantee: OldReads,
        name: "old-reads",
        sentence: "A read of an old revision shows what was there then",
        counted: "reads of old revisions",
        needs: "no old revision was read",
    },
    Entry {
        guarantee: SerializableReads,
        name: "serializable-reads",
        sentence: "A serializable read shows the state of one revision, and never one of the future",
        counted: "serializable reads",
        needs: "no serializable read was answered",
    },
    Entry {
        guarantee: WatchOrdered,
        name: "watch-ordered",
        sentence: "A watch delivers events in the order of revisions",
        counted: "events after another one of their watch",
        needs: "no watch delivered two events",
    },
    Entry {
        guarantee: WatchUnique,
        name: "watch-unique",
        sentence: "A watch delivers no event twice",
        counted: "events after another one of their watch",
        needs: "no watch delivered two events",
    },
    Entry {
        guarantee: WatchAtomic,
        name: "watch-atomic",
        sentence: "A watch delivers all changes of one revision in one message",
        counted: "messages with several events of one revision",
        needs: "no watch delivered several events of one revision",
    },
    Entry {
        guarantee: WatchReliable,
        name: "watch-reliable",
        sentence: "A watch leaves out no change of its keys between two events that it delivers",
        counted: "changes that others tell of, between two events of a watch",
        needs: "no watch had a known change of its keys between two of its events",
    },
    Entry {
        guarantee: WatchResumable,
        name: "watch-resumable",
        sentence: "A watch from a revision begins with the first change at or after it",
        counted: "watches from a revision with a known change before their first event or at it",
        needs: "no watch from a revision had a known change of its keys up to its first event",
    },
    Entry {
        guarantee: WatchBookmarkable,
        name: "watch-bookmarkable",
        sentence: "A progress notification of a watch never runs ahead of events that it did not deliver yet",
        counted: "events behind a progress notification, and known changes up to one",
        needs: "no watch delivered an event after a progress notification",
    },
    Entry {
        guarantee: WatchFromStart,
        name: "watch-from-start",
        sentence: "A watch delivers nothing from before the revision it starts at",
        counted: "events and progress notifications of watches from a revision",
        needs: "no watch from a revision delivered anything",
    },
    Entry {
        guarantee: WatchFiltered,
        name: "watch-filtered",
        sentence: "A watch delivers only changes of its keys that pass its filters",
        counted: "events",
        needs: "no watch delivered an event",
    },
    Entry {
        guarantee: WatchTruthful,
        name: "watch-truthful",
        sentence: "A watch delivers only what was written, as it was written",
        counted: "events of changes that others tell of too",
        needs: "no watch delivered a change that anything else tells of",
    },
    Entry {
        guarantee: WatchPrevious,
        name: "watch-previous",
        sentence: "The previous value that a watch delivers is the one from right before the event",
        counted: "events with a previous value",
        needs: "no event had a previous value",
    },
    Entry {
        guarantee: WatchCreated,
        name: "watch-created",
        sentence: "A watch calls a put a creation exactly when the key was not there, and counts its versions on",
        counted: "put events",
        needs: "no watch delivered a put",
    },
    Entry {
        guarantee: LeaseKept,
        name: "lease-kept",
        sentence: "No key of a lease goes before the lease's time is over, counted from when its last answered \
                   keep-alive was sent",
        counted: "ends of leases that nobody asked for",
        needs: "no lease was seen to end by itself",
    },
    Entry {
        guarantee: LeaseEnds,
        name: "lease-ends",
        sentence: "The keys of a lease that nobody keeps alive go some time",
        counted: "leases looked at long after their time",
        needs: "no key of a lease was looked for long enough after the lease's time, with nothing disturbed",
    },
    Entry {
        guarantee: LeaseRevoked,
        name: "lease-revoked",
        sentence: "Nothing succeeds for a lease after its revoke was acknowledged",
        counted: "requests for leases after their acknowledged revoke",
        needs: "nothing was asked of a lease after its revoke",
    },
    Entry {
        guarantee: LockGranted,
        name: "lock-granted",
        sentence: "A lock or an election is won only with a key that is there and first in line",
        counted: "grants whose key is known",
        needs: "no lock was granted whose key any read or watch told of",
    },
    Entry {
        guarantee: LockFenced,
        name: "lock-fenced",
        sentence: "A write that carries the token of a lock never succeeds behind one with a newer token",
        counted: "writes with a token behind another one",
        needs: "no two writes of one key carried the token of a lock",
    },
    Entry {
        guarantee: ElectionOrder,
        name: "election-order",
        sentence: "Leaders of an election follow each other in the order in which they came",
        counted: "leaders told behind another one",
        needs: "no election's leader was asked for twice",
    },
    Entry {
        guarantee: MemberHashes,
        name: "member-hashes",
        sentence: "Members hold the same keys and values at the same revision",
        counted: "hashes compared with another member's",
        needs: "no two members gave a hash of one revision with the same compaction",
    },
    Entry {
        guarantee: MemberHeads,
        name: "member-heads",
        sentence: "Members that have applied the same entries have the same head revision",
        counted: "members compared while nothing was written",
        needs: "no two members told of the same applied entry while nothing was written",
    },
    Entry {
        guarantee: MemberCompactions,
        name: "member-compactions",
        sentence: "Members that have applied the same entries have compacted up to the same revision",
        counted: "members compared while nothing was written",
        needs: "no two members told of their compaction while nothing was written",
    },
    Entry {
        guarantee: RevisionsAsked,
        name: "revisions-asked",
        sentence: "No member has more revisions than were asked for",
        counted: "revisions told",
        needs: "somebody else may have written, or no revision was told",
    },
];

impl Guarantee {
    /// All promises, in the order in which they are reported.
    pub const ALL: [Self; CATALOG.len()] = {
        let mut all = [ClientRevisions; CATALOG.len()];
        let mut at = 0;
        while at < CATALOG.len() {
            all[at] = CATALOG[at].guarantee;
            assert!(all[at] as usize == at, "the catalog is in the order of the variants");
            at += 1;
        }
        all
    };

    fn entry(self) -> &'static Entry {
        &CATALOG[self as usize]
    }

    /// What it is about, such as `watches`.
    #[must_use]
    pub fn subject(self) -> &'static str {
        match self {
            ClientRevisions | MemberRevisions | HeadRevision | RevisionsAsked => "revisions",
            Durability | OldReads | SerializableReads => "reads",
            LeaseKept | LeaseEnds | LeaseRevoked => "leases",
            LockGranted | LockFenced | ElectionOrder => "locks and elections",
            MemberHashes | MemberHeads | MemberCompactions => "members",
            _ => "watches",
        }
    }

    /// A stable name for machines, such as `watch-ordered`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The promise in one sentence, for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.entry().sentence
    }

    /// What [`super::Finding::compared`] counts, in words.
    #[must_use]
    pub fn counted(self) -> &'static str {
        self.entry().counted
    }

    /// What a history lacked that did not put the promise to the test.
    #[must_use]
    pub fn needs(self) -> &'static str {
        self.entry().needs
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}
