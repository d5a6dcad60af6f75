//! The run's budget: what may be spent in all, over every executor.

use super::wire::{Money, Need};
use crate::spec::Budget;

/// The account of a budget: what is spent, and what is promised to requests that are not settled.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) budget: Budget,
    spent: Money,
    promised: Money,
}

impl Account {
    /// How many of `count` requests of `need` can be paid whatever they come to.
    pub(super) fn affords(&self, need: &Need, count: i64) -> i64 {
        let left = |all: Option<i64>, spent: i64, promised: i64, each: i64| match all {
            Some(all) if each > 0 => ((all - spent - promised).max(0)) / each,
            // Requests that cost nothing are paid as long as anything is left.
            Some(all) if all - spent - promised <= 0 => 0,
            _ => i64::MAX,
        };
        let nanousd = self.budget.usd.map(|usd| (usd * 1e9).floor() as i64);
        left(self.budget.requests, self.spent.requests, self.promised.requests, 1)
            .min(left(self.budget.tokens, self.spent.tokens, self.promised.tokens, need.most_tokens))
            .min(left(nanousd, self.spent.nanousd, self.promised.nanousd, need.most_nanousd))
            .min(count)
    }

    pub(super) fn promise(&mut self, money: &Money) {
        self.promised.add(money);
    }

    /// Of what was promised, `released` is settled or was not used, and came to `spent`.
    pub(super) fn settle(&mut self, released: &Money, spent: &Money) {
        self.promised = self.promised.minus(released);
        self.spent.add(spent);
    }

    /// Whether requests are under way whose settlement may leave something.
    pub(super) fn has_promises(&self) -> bool {
        self.promised.requests > 0
    }

    /// What was promised to a process that is gone is spent: nobody knows better.
    pub(super) fn write_off(&mut self, promised: &Money) {
        self.settle(promised, promised);
    }

    pub(super) fn spent(&self) -> Money {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_not_promised_twice() {
        let budget = Budget { requests: Some(10), tokens: None, usd: Some(1e-6) };
        let mut account = Account { budget, ..Account::default() };
        let need = Need { most_nanousd: 300, ..Need::default() };
        assert_eq!(account.affords(&need, 100), 3);
        account.promise(&Money::most(&need, 3));
        assert_eq!((account.affords(&need, 1), account.has_promises()), (0, true));
        account.settle(&Money::most(&need, 3), &Money { requests: 3, tokens: 0, nanousd: 300 });
        assert_eq!((account.affords(&need, 100), account.has_promises()), (2, false));
        assert_eq!(account.affords(&Need::default(), 100), 7);
        account.promise(&Money { requests: 7, tokens: 0, nanousd: 0 });
        account.write_off(&Money { requests: 7, tokens: 0, nanousd: 0 });
        assert_eq!(account.affords(&Need::default(), 100), 0);
    }
}
