use super::*;
use crate::inference::quota::wire::{GroupReply, Run};

/// A reply to `ask` with five grants for the group `g`.
fn five_grants(ask: &Ask, is_leased: bool) -> Reply {
    let grants = vec![Run { count: 5, valid: SECOND * 100, ..Run::default() }];
    let group = GroupReply { is_leased, grants, ..GroupReply::default() };
    Reply { seq: ask.seq, ledger: 1, groups: [("g".to_string(), group)].into(), ..Reply::default() }
}

#[test]
fn a_group_without_limits_lets_all_through_and_a_limited_one_none_before_a_grant() {
    let mut client = LeaseClient::new("e");
    let open = client.group("open", None, Accounting::Used);
    let ticket = client.enter(open, Need::default());
    assert_eq!(client.ready(open, ticket, Need::default(), 0), Turn::Granted(Need::default()));
    client.configure(&[("closed".to_string(), Limits([Some(1), None, None, None]))].into(), false);
    let closed = client.group("closed", None, Accounting::Used);
    let ticket = client.enter(closed, Need::default());
    assert_eq!(client.ready(closed, ticket, Need::default(), 0), Turn::Wait);
    assert!(client.release(100 * SECOND).is_empty());
    client.leave(closed, ticket);
    assert_eq!(client.waiting(), 0);
}

#[test]
fn what_never_fits_is_known() {
    let mut client = LeaseClient::new("e");
    client.configure(&[("g".to_string(), Limits([None, Some(100), None, Some(150)]))].into(), false);
    let group = client.group("g", None, Accounting::Used);
    let fits = |input, output| client.never_fits(group, &Need { input, output, ..Need::default() });
    assert_eq!(fits(100, 50), None);
    assert_eq!(fits(101, 0), Some((Dimension::InputTokens, 100)));
    assert_eq!(fits(100, 51), Some((Dimension::Tokens, 150)));
}

#[test]
fn a_late_reply_is_not_used() {
    let mut client = LeaseClient::new("e");
    client.configure(&[("g".to_string(), Limits([Some(600), None, None, None]))].into(), false);
    let group = client.group("g", None, Accounting::Used);
    let ticket = client.enter(group, Need::default());
    client.ready(group, ticket, Need::default(), 0);
    let first = client.message(Totals::default(), 0).unwrap();
    client.lost(3 * SECOND);
    client.reply(&five_grants(&first, true), 3 * SECOND);
    assert!(client.release(4 * SECOND).is_empty());
    let second = client.message(Totals::default(), 4 * SECOND).unwrap();
    assert_eq!((second.seq, second.acknowledged), (first.seq + 1, 0));
}

#[test]
fn grants_of_a_group_without_a_limit_do_not_outlive_it() {
    let mut client = LeaseClient::new("e");
    // What it kept of an application with a budget.
    client.configure(&BTreeMap::new(), true);
    let group = client.group("g", None, Accounting::Used);
    client.configure(&[("g".to_string(), Limits::default())].into(), false);
    let ticket = client.enter(group, Need::default());
    client.ready(group, ticket, Need::default(), 0);
    let ask = client.message(Totals::default(), 0).unwrap();
    client.reply(&five_grants(&ask, false), MILLISECOND);
    assert_eq!(client.release(MILLISECOND).len(), 1, "it is free");
    client.configure(&[("g".to_string(), Limits([Some(600), None, None, None]))].into(), false);
    let ticket = client.enter(group, Need::default());
    assert_eq!(client.ready(group, ticket, Need::default(), 2 * MILLISECOND), Turn::Wait);
}
