/* The leases of one conversation: its scripts, two replicas, two messages, and what can go wrong. README.md explains it.
 *
 * A script is one step of the process Redis, an inline with the name of its file in app/store/lua. All else is an
 * environment that is worse than the real one: a holder never stops by itself, a lease may run out at any moment, and
 * a call without an answer is done never, or at any time later.
 *
 * A mutant breaks one thing, and `scripts/check-model NAME` must find that; NAME+NAME breaks two at once:
 * COMMIT_ANY_TURN+COMMIT_ANY_REV 2: a late copy of a turn's last commit ends it again
 * COMMIT_ANY_TURN+LEASE_WITH_TODO 6: the newer turn is answered first
 */
#ifdef CHOOSE		/* the mutants when pan starts, from its environment: one compilation for all of them */
hidden int chosen;
#define MUTANT chosen
#define choose c_code { chosen = atoi(getenv("MUTANT")); };
#else
#define choose
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define broken(name) (((MUTANT) & (name)) != 0)

/* By which property of README.md each is found; -: by none, because another check does the same. */
#define NO_DEDUPE            (1 <<  0)	/* 4: accept doesn't look for the message's id */
#define DUP_GRANTS_LEASE     (1 <<  1)	/* 5: a duplicate of the running message is given its lease */
#define RETRY_TAKES_LEASE    (1 <<  2)	/* 5: accept, again with the same mark, gives a lease that somebody else has by now */
#define LEASE_WITH_TODO      (1 <<  3)	/* 7: accept leases the new turn although another one runs */
#define COMMIT_ANY_FENCE     (1 <<  4)	/* 5: commit doesn't compare the fence */
#define COMMIT_ANY_TURN      (1 <<  5)	/* -: commit doesn't compare the turn with the first of todo */
#define COMMIT_ANY_REV       (1 <<  6)	/* 1: commit doesn't compare the revision */
#define COMMIT_WITHOUT_MARK  (1 <<  7)	/* 7: commit doesn't know its own mark again */
#define DONE_GIVES_LEASE     (1 <<  8)	/* 5: commit, again with the same mark, hands on a lease that somebody else has by now */
#define CANCEL_TAKES_DONE    (1 <<  9)	/* 7: a cancel of a waiting turn writes its mark where the holder looks for that of its last commit */
#define DELTA_ANY_FENCE      (1 << 10)	/* 5: delta doesn't compare the fence */
#define DELTA_ANY_TURN       (1 << 11)	/* 1: delta doesn't compare the turn */
#define DELTA_ANY_PART       (1 << 12)	/* 1: delta doesn't compare the part */
#define CLAIM_TAKES_HELD     (1 << 13)	/* 5: a claim is given the lease of one who holds it */
#define CLAIM_KEEPS_FENCE    (1 << 14)	/* 5: a claim leaves the fence as it is */
#define ACT_KEEPS_FENCE      (1 << 15)	/* 5: an act does */
#define CANCEL_KEEPS_FENCE   (1 << 16)	/* 5: a cancel does */
#define RELEASE_KEEPS_FENCE  (1 << 17)	/* 5: a release does */
#define CANCEL_LOSES_INDEX   (1 << 18)	/* 8: a cancel takes the conversation off `turns` although a turn waits */
#define NO_REAPER            (1 << 19)	/* 3: nobody claims what has run out */

/* How large the search is. */
#ifndef TROUBLE
#define TROUBLE 2	/* things that happen in one run besides answering: the places with `bad()` */
#endif
#ifndef MORE
#define MORE 2		/* messages of an answer besides the last: commits that aren't final */
#endif

#ifndef step
#define step d_step	/* atomic: slower, but pan then says which statements it never came to */
#endif

/* A broken assertion shows the number of the property in README.md's table. */
#define must(property, what) assert(property == 0 || (what))

/* What a replica asks Redis: a script and its arguments. `grant` isn't sent: it is who the caller really is (below). */
mtype = { Accept, Commit, Delta, Cancel, Act, End, Claim, Renew, Release }
mtype = { Ok, Dup, Ended, Fenced, Stale, Held, None }
typedef Call {
	mtype op;
	byte mark;
	byte fence, rev, turn, part, grant;	/* turn: of an accept, the message's id */
	bool final
}
chan ask = [0] of { Call }
chan answered = [0] of { bit };
mtype word; bool leased; byte following;	/* the answer; leased: the caller holds `turn` now; following: of a commit */
chan late[2] = [1] of { Call }			/* calls that nobody waits for any more */

/* ---- what Redis holds: the session's hash, todo, ids, and whether `turns` names the conversation ---- */
byte fence, fenced_by, rev, turn, part, done, done_next;
bool streamed;			/* partial isn't empty */
bool expired;			/* lease_until is past */
bool over;			/* mode is ended */
bool queued;			/* in `turns` */
byte turns, turn_of[2], stored_by[2];
chan todo = [4] of { byte }

/* ---- ghosts: what really happened, which no script can see ---- */
byte grant;			/* how often the right to write has changed hands */
byte said[4];			/* the stored messages of a turn's answer, as bits */
bool ended[4], acked[2];
byte trouble;

/* ---- what a replica holds: the turn it runs, and its commit that has no answer yet ---- */
typedef Run {
	bool on;
	byte fence, rev, turn, part, grant;
	byte mark;			/* 0: none */
	bool final, told		/* told: a delta of this part is stored */
}
Run runs[2];
byte sending[2], claiming[2];	/* marks: of a client's message, of a replica's claim, while they may be sent again */
byte flying[2];			/* the marks in `late` */

#define bad() trouble < TROUBLE -> trouble++
#define running(r) (runs[r].on && runs[r].grant == grant)
#define living (running(0) || running(1))
#define carried(m) (m == sending[0] || m == sending[1] || m == runs[0].mark || m == runs[1].mark || m == flying[0] || m == flying[1] || \
	m == claiming[0] || m == claiming[1])
#define known(m) (carried(m) || m == done || m == fenced_by || m == stored_by[0] || m == stored_by[1])

inline fresh(m) {
	step { m = 1;
	do
	:: known(m) -> m++
	:: else -> break
	od; skip }
}

/* A mark that nobody can bring any more is as good as none: fewer states, the same answers. */
inline forget() {
	if :: carried(done) :: else -> done = 0; done_next = 0 fi;
	if :: carried(fenced_by) :: else -> fenced_by = 0 fi;
	if :: carried(stored_by[0]) :: else -> stored_by[0] = 0 fi;
	if :: carried(stored_by[1]) :: else -> stored_by[1] = 0 fi
}

inline reply(what, lease, next) {
	word = what; leased = (lease); following = next
}

/* ---- the scripts ---- */
/* What they store: a message of the answer to turn `t`, and the end of a turn. */
#define says(t, p) \
	must(2, !ended[t]); must(6, t == 1 || ended[t - 1]); must(1, !(said[t] & (1 << p))); said[t] = said[t] | (1 << p)
#define ends(t) must(2, !ended[t]); ended[t] = true; said[t] = 0

inline first_of_todo(t) {
	if
	:: nempty(todo) -> todo?<t>
	:: empty(todo) -> t = 0
	fi
}

inline new_fence(keep) {
	grant++;
	fence = (keep -> fence : fence + 1);
	fenced_by = (keep -> fenced_by : c.mark)
}

inline accept() {
	if
	:: turn_of[c.turn] && !broken(NO_DEDUPE) ->
		first_of_todo(first);
		if
		:: stored_by[c.turn] == c.mark ->
			reply(Ok, (fenced_by == c.mark || broken(RETRY_TAKES_LEASE)) && first == turn_of[c.turn], turn_of[c.turn])
		:: else ->
			reply(Dup, broken(DUP_GRANTS_LEASE) && first == turn_of[c.turn], turn_of[c.turn])
		fi
	:: else ->
		if
		:: over -> reply(Ended, false, 0)
		:: else ->
			must(4, !turn_of[c.turn]);
			turns++; turn_of[c.turn] = turns; stored_by[c.turn] = c.mark;
			todo!turns;
			if
			:: len(todo) == 1 || broken(LEASE_WITH_TODO) ->
				new_fence(false);
				turn = turns; expired = false; queued = true;
				reply(Ok, true, turns)
			:: else ->
				if :: expired -> queued = true :: else fi;
				reply(Ok, false, turns)
			fi
		fi
	fi
}

inline commit() {
	first_of_todo(first);
	if
	:: done == c.mark && !broken(COMMIT_WITHOUT_MARK) ->
		if
		:: c.fence == fence || broken(DONE_GIVES_LEASE) -> reply(Ok, false, done_next)
		:: else -> reply(Ok, false, 0)
		fi
	:: else ->
		if
		:: (c.fence != fence && !broken(COMMIT_ANY_FENCE)) || (c.turn != turn || c.turn != first) && !broken(COMMIT_ANY_TURN) ->
			reply(Fenced, false, 0)
		:: else ->
			if
			:: c.rev != rev && !broken(COMMIT_ANY_REV) -> reply(Stale, false, 0)
			:: else ->
				must(5, c.grant == grant);
				says(c.turn, c.part);
				rev++; streamed = false; done_next = 0;
				if
				:: c.final ->
					ends(c.turn);
					todo?_;
					first_of_todo(first);
					turn = first; part = 0; done_next = first; expired = false; queued = (first != 0)
				:: else -> part++
				fi;
				done = c.mark;
				reply(Ok, false, done_next)
			fi
		fi
	fi
}

inline delta() {
	if
	:: (c.fence != fence && !broken(DELTA_ANY_FENCE)) || (c.turn != turn && !broken(DELTA_ANY_TURN)) ||
	   (c.part != part && !broken(DELTA_ANY_PART)) ->
		reply(Fenced, false, 0)
	:: else ->
		must(5, c.grant == grant);
		must(1, c.turn == turn && c.part == part);	/* or `partial` isn't of the message being written */
		streamed = true;
		reply(Ok, false, 0)
	fi
}

inline stop_running() {
	if
	:: streamed -> says(turn, part); streamed = false
	:: else
	fi;
	ends(turn);
	todo?_
}

inline cancel() {
	if
	:: !(todo??[eval(c.turn)]) -> reply(None, false, 0)
	:: else ->
		todo?<first>;
		if
		:: first == c.turn ->
			stop_running();
			new_fence(broken(CANCEL_KEEPS_FENCE));
			first_of_todo(first);
			turn = first; part = 0; expired = false;
			queued = turn != 0 && !broken(CANCEL_LOSES_INDEX);
			reply(Ok, turn != 0, turn)
		:: else ->
			ends(c.turn);
			todo??eval(c.turn);
			done_next = (broken(CANCEL_TAKES_DONE) -> 0 : done_next);
			done = (broken(CANCEL_TAKES_DONE) -> c.mark : done);
			reply(Ok, false, 0)
		fi
	fi
}

inline act() {			/* End: with `stop` and mode ended. Act: a sign-in that begins no turn */
	if
	:: over -> reply(None, false, 0)
	:: else ->
		if
		:: c.rev != rev -> reply(Stale, false, 0)
		:: else ->
			if
			:: c.op == End ->
				over = true;
				if :: turn -> stop_running(); turn = 0; part = 0 :: else fi;
				do
				:: nempty(todo) -> todo?first; ends(first)
				:: empty(todo) -> break
				od
			:: else
			fi;
			new_fence(broken(ACT_KEEPS_FENCE));
			expired = false; rev++; queued = (turn != 0);
			reply(Ok, turn != 0, turn)
		fi
	fi
}

inline claim() {
	if
	:: turn == 0 -> queued = false; reply(None, false, 0)
	:: turn && (fenced_by == c.mark || !expired && broken(CLAIM_TAKES_HELD)) -> reply(Ok, true, turn)
	:: turn && fenced_by != c.mark && !expired && !broken(CLAIM_TAKES_HELD) -> reply(Held, false, 0)
	:: else ->
		new_fence(broken(CLAIM_KEEPS_FENCE));
		expired = false; queued = true;
		reply(Ok, true, turn)
	fi
}

inline renew() {		/* Release: with no time left */
	if
	:: c.fence != fence || turn == 0 -> reply(Fenced, false, 0)
	:: else ->
		must(5, c.grant == grant);
		if
		:: c.op == Release -> new_fence(broken(RELEASE_KEEPS_FENCE))
		:: else
		fi;
		expired = (c.op == Release); queued = true;
		reply(Ok, false, 0)
	fi
}

active proctype Redis() {
	Call c;
	byte first;
end:	do
	:: atomic { ask?c -> step {
		if
		:: c.op == Accept -> accept()
		:: c.op == Commit -> commit()
		:: c.op == Delta -> delta()
		:: c.op == Cancel -> cancel()
		:: c.op == Act || c.op == End -> act()
		:: c.op == Claim -> claim()
		:: c.op == Renew || c.op == Release -> renew()
		fi;
		must(8, queued == (len(todo) > 0));
		c.op = 0; c.mark = 0; c.fence = 0; c.rev = 0; c.turn = 0; c.part = 0; c.grant = 0; c.final = false; first = 0 }
		answered!0 }
	od
}

/* ---- the callers ---- */
inline send() {			/* got: there is an answer */
	if
	:: ask!q; answered?_; got = true
	:: bad();		/* no answer */
		if
		:: skip							/* it never gets there */
		:: empty(late[0]) -> flying[0] = q.mark; late[0]!q	/* it may have been done, or will be */
		:: nempty(late[0]) && empty(late[1]) -> flying[1] = q.mark; late[1]!q
		fi
	fi
}

inline over_and_done() {
	step { word = 0; leased = false; following = 0; got = false;
	q.op = 0; q.mark = 0; q.fence = 0; q.rev = 0; q.turn = 0; q.part = 0; q.grant = 0; q.final = false;
	forget() }
}

inline stop(r) {
	step { runs[r].on = false; runs[r].fence = 0; runs[r].rev = 0; runs[r].turn = 0; runs[r].part = 0; runs[r].grant = 0;
	runs[r].mark = 0; runs[r].final = false; runs[r].told = false }
}

inline start(r) {		/* Turns.start: with the lease that was just granted; what ran here before is stopped */
	must(5, !running(1 - r));
	stop(r);
	runs[r].on = true; runs[r].fence = fence; runs[r].rev = rev; runs[r].turn = turn; runs[r].part = part; runs[r].grant = grant
}

inline speak(what) {
	step { q.op = what; q.fence = runs[r].fence; q.rev = runs[r].rev; q.turn = runs[r].turn; q.part = runs[r].part;
	q.grant = runs[r].grant; q.mark = runs[r].mark; q.final = runs[r].final }
}

active proctype Network() {
	Call q;
	bool got;
end:	do
	:: atomic { late[0]?q -> flying[0] = 0; ask!q; answered?_; over_and_done() }
	:: atomic { late[1]?q -> flying[1] = 0; ask!q; answered?_; over_and_done() }
	od
}

active proctype Clock() {
end:	do
	:: atomic { turn && !expired && !living -> expired = true }
	:: atomic { turn && !expired && living && bad(); expired = true }		/* paused, or cut off */
	od
}

/* A message, by way of any replica, until it is acked; a replica that got no answer may ask again with the same mark. */
proctype Client(byte id) {
	Call q;
	bool got;
	byte m, r;
end:	do
	:: atomic { !acked[id] && !over && turns >= id ->	/* message 0 is the one that comes first, by replica 0 */
		if
		:: sending[id] -> m = sending[id]
		:: r = 0; fresh(m)
		:: turns -> r = 1; fresh(m)
		fi;
		sending[id] = m; q.op = Accept; q.turn = id; q.mark = m; m = 0;
		send();
		if
		:: got ->
			sending[id] = 0;
			if
			:: leased -> start(r)
			:: else
			fi;
			if
			:: word != Ended -> acked[id] = true
			:: word != Ended && bad()		/* the ack is lost */
			:: word == Ended
			fi;
			r = 0
		:: else
		fi;
		over_and_done() }
	od
}

proctype Replica(byte r) {
	Call q;
	bool got;
	byte m;
end:	do
	:: atomic { runs[r].on ->	/* Turns._commit: again with the same mark until there is an answer */
		if
		:: runs[r].mark
		:: !runs[r].mark && runs[r].part < MORE -> fresh(m); runs[r].mark = m
		:: !runs[r].mark -> fresh(m); runs[r].mark = m; runs[r].final = true
		fi;
		m = 0;
		speak(Commit);
		send();
		if
		:: got && word == Ok && (!q.final || following) ->
			runs[r].rev = rev; runs[r].mark = 0; runs[r].final = false; runs[r].told = false;
			if
			:: q.final -> must(5, runs[r].grant == grant); runs[r].turn = following; runs[r].part = 0
			:: else -> runs[r].part++
			fi
		:: got && word == Ok && q.final && !following -> stop(r)
		:: got && word != Ok -> must(7, runs[r].grant != grant); stop(r)
		:: !got
		fi;
		over_and_done() }
	:: atomic { runs[r].on && !runs[r].mark && !runs[r].told ->	/* AnswerWriter */
		speak(Delta);
		send();
		if
		:: got && word == Ok -> runs[r].told = true
		:: got && word != Ok -> must(7, runs[r].grant != grant); stop(r)
		:: !got
		fi;
		over_and_done() }
	:: atomic { runs[r].on && expired ->	/* Recovery.renew */
		speak(Renew); q.mark = 0;
		send();
		if
		:: got && word != Ok -> must(7, runs[r].grant != grant || turn == 0); stop(r)
		:: else
		fi;
		over_and_done() }
	:: atomic { (runs[r].on || claiming[r]) && bad(); stop(r); claiming[r] = 0; step { forget() } }	/* kill -9, and back at once */
	:: atomic { runs[r].on && bad();	/* Drain, Turns.give_back */
		speak(Release); stop(r); fresh(m); q.mark = m; m = 0;
		send();
		over_and_done() }
	:: atomic { !broken(NO_REAPER) && (claiming[r] || queued && expired) ->	/* Recovery._claim */
		if
		:: claiming[r]
		:: !claiming[r] -> fresh(m); claiming[r] = m; m = 0
		fi;
		q.op = Claim; q.mark = claiming[r];
		send();
		if
		:: got ->
			claiming[r] = 0;
			if
			:: leased -> start(r)
			:: else
			fi
		:: !got
		:: !got -> claiming[r] = 0	/* not again */
		fi;
		over_and_done() }
	od
}

/* Conversations.cancel, identify, end, by way of any replica, which goes on with what is left. */
active proctype Person() {
	Call q;
	bool got;
	byte m, r;
end:	do
	:: atomic { turns && bad();
		if :: r = 0 :: r = 1 fi;
		if
		:: q.op = Cancel; q.turn = 1
		:: turns > 1 -> q.op = Cancel; q.turn = 2
		:: q.op = Act; q.rev = rev
		:: q.op = End; q.rev = rev
		fi;
		fresh(m); q.mark = m; m = 0;
		send();
		if
		:: got && leased -> start(r)
		:: else
		fi;
		r = 0;
		over_and_done() }
	od
}

/* Where nothing more can happen, everything has been answered. */
active proctype Quiet() {
end:	timeout ->
	must(3, (!acked[0] || ended[turn_of[0]]) && (!acked[1] || ended[turn_of[1]]) && len(todo) == 0)
}

init {
	atomic { choose run Client(0); run Client(1); run Replica(0); run Replica(1) }
}

#ifdef LIVE
ltl answered_all { [] (acked[0] -> <> ended[turn_of[0]]) && [] (acked[1] -> <> ended[turn_of[1]]) }
#endif
