//! Several executors and a driver in one process; files in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;

use super::*;
use crate::cache::claims::ClaimAsk;

type Files = Arc<Mutex<HashMap<String, Vec<u8>>>>;

const TICK: Duration = Duration::from_millis(5);

fn key(n: usize) -> String {
    format!("{n:064x}")
}

/// What the JVM's threads do, as tasks; the commit takes 20 ms.
fn jvm(journal: &Arc<Journal>, name: &str, files: &Files) {
    let (own, files, name) = (Arc::clone(journal), Arc::clone(files), name.to_string());
    tokio::spawn(async move {
        loop {
            if let Some(batch) = own.take(Duration::ZERO) {
                sleep(Duration::from_millis(20)).await;
                let offset = {
                    let mut files = files.lock().unwrap();
                    let file = files.entry(name.clone()).or_default();
                    file.extend_from_slice(&batch.bytes);
                    file.len() - batch.bytes.len()
                };
                own.durable(batch.id, &name, offset as u64);
            }
            for (number, place) in own.fetch(Duration::ZERO, 10) {
                let begin = place.offset as usize;
                let files = files.lock().unwrap();
                let frame = files.get(&place.file).and_then(|file| file.get(begin..begin + place.length as usize));
                own.fetched(number, frame.map(<[u8]>::to_vec).ok_or_else(|| format!("{} is gone", place.file)));
            }
            sleep(TICK).await;
        }
    });
}

/// Moves the messages of an executor's claims; every seventh is lost on its way back.
fn messenger(executor: &Arc<Journal>, driver: &Arc<Journal>) {
    let (executor, driver) = (Arc::clone(executor), Arc::clone(driver));
    tokio::spawn(async move {
        for i in 0.. {
            if let Some(ask) = executor.message(Duration::ZERO) {
                let text = serde_json::to_string(&ask).unwrap();
                let reply = driver.serve(&serde_json::from_str::<ClaimAsk>(&text).unwrap()).unwrap();
                if i % 7 == 6 {
                    executor.lost();
                } else {
                    executor.reply(&serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap());
                }
            }
            sleep(TICK).await;
        }
    });
}

fn local() -> Arc<Journal> {
    let journal = Journal::new("driver");
    journal.register();
    jvm(&journal, "driver", &Files::default());
    journal
}

fn answer(key: &str) -> Completion {
    Completion {
        text: Some(format!("answer {key}")),
        cost_usd: Some(0.5),
        attempts: 1,
        request_key: Some(key.to_string()),
        ..Completion::uncalled("m", Status::Ok)
    }
}

/// Asks the store, and calls where it is told to.
async fn row(store: &JournalStore, n: usize, calls: &AtomicUsize) -> Result<(Completion, bool)> {
    let key = key(n);
    match store.lookup(&key).await? {
        Found::Hit { completion, pays, .. } => Ok((*completion, pays)),
        Found::Miss(claim) => {
            calls.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(50)).await;
            let completion = answer(&key);
            store.record(claim, &key, "{}", &completion).await?;
            Ok((completion, true))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_called_for_once_over_executors_and_sessions() {
    let driver = Journal::new("driver");
    driver.register();
    let files = Files::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut rows = Vec::new();
    for e in 0..3 {
        let executor = Journal::new(&format!("e{e}"));
        jvm(&executor, &format!("e{e}"), &files);
        messenger(&executor, &driver);
        for task in 0..2 {
            let store = Arc::new(executor.store("run", &format!("7:{e}:{task}")));
            for n in 0..200 {
                let (store, calls) = (Arc::clone(&store), Arc::clone(&calls));
                rows.push(tokio::spawn(async move { (n, row(&store, n % 50, &calls).await.unwrap()) }));
            }
        }
    }
    let mut paid = 0;
    for row in rows {
        let (n, (completion, pays)) = row.await.unwrap();
        assert_eq!(completion, answer(&key(n % 50)));
        paid += usize::from(pays);
    }
    assert_eq!((calls.load(Ordering::SeqCst), paid), (50, 50));
}

#[tokio::test(start_paused = true)]
async fn a_row_leaves_when_its_entry_is_durable() {
    let journal = Journal::new("driver");
    journal.register();
    let store = Arc::new(journal.store("run", "7:0"));
    let calls = Arc::new(AtomicUsize::new(0));
    let task = {
        let (store, calls) = (Arc::clone(&store), Arc::clone(&calls));
        tokio::spawn(async move { row(&store, 1, &calls).await })
    };
    sleep(Duration::from_secs(5)).await;
    assert!(!task.is_finished());
    let batch = journal.take(Duration::ZERO).unwrap();
    assert!(journal.take(Duration::ZERO).is_none());
    sleep(Duration::from_secs(5)).await;
    assert!(!task.is_finished());
    journal.durable(batch.id, "f", 10);
    let (bought, pays) = task.await.unwrap().unwrap();
    assert!(pays);
    assert_eq!(decode(&batch.bytes).unwrap().outcome.completion, bought);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_kept_though_its_row_is_dropped_and_what_is_not_is_called_for_again() {
    let journal = local();
    let calls = Arc::new(AtomicUsize::new(0));
    let begin = |owner: &str| {
        let (store, calls) = (journal.store("run", owner), Arc::clone(&calls));
        tokio::spawn(async move { row(&store, 1, &calls).await.unwrap() })
    };
    let (first, second) = (begin("7:0"), begin("7:1"));
    sleep(Duration::from_millis(30)).await;
    // Under way: the other takes over.
    first.abort();
    sleep(Duration::from_millis(55)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    // Recorded, not yet durable: nobody need call.
    second.abort();
    let (_, pays) = begin("7:2").await.unwrap();
    assert!(!pays);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_done_again_pays_again_once_and_no_other() {
    let journal = local();
    let calls = AtomicUsize::new(0);
    let store = journal.store("run", "7:0");
    assert!(row(&store, 1, &calls).await.unwrap().1);
    assert!(!row(&store, 1, &calls).await.unwrap().1, "its equal row");
    let again = journal.store("run", "7:0");
    assert!(row(&again, 1, &calls).await.unwrap().1);
    assert!(!row(&again, 1, &calls).await.unwrap().1);
    for (run, owner) in [("run", "7:1"), ("next run", "7:0")] {
        let Found::Hit { is_own_run, pays, .. } = journal.store(run, owner).lookup(&key(1)).await.unwrap() else {
            panic!("it is there")
        };
        assert_eq!((is_own_run, pays), (run == "run", false));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_final_in_its_run_only() {
    let journal = local();
    let store = journal.store("run", "7:0");
    let Found::Miss(claim) = store.lookup(&key(1)).await.unwrap() else { panic!("nothing is there") };
    let failed = Completion { attempts: 3, ..Completion::uncalled("m", Status::Timeout) };
    store.record(claim, &key(1), "{}", &failed).await.unwrap();
    let Found::Hit { completion, .. } = store.lookup(&key(1)).await.unwrap() else { panic!("it is final") };
    assert_eq!(*completion, failed);
    assert!(matches!(journal.store("next", "7:0").lookup(&key(1)).await.unwrap(), Found::Miss(_)));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_kept_nothing_is_called() {
    let journal = Journal::new("driver");
    journal.register();
    let calls = Arc::new(AtomicUsize::new(0));
    let store = Arc::new(journal.store("run", "7:0"));
    let waits = {
        let (store, calls) = (Arc::clone(&store), Arc::clone(&calls));
        tokio::spawn(async move { row(&store, 1, &calls).await })
    };
    sleep(Duration::from_secs(1)).await;
    journal.fail("hdfs://here/journal: no space is left; free some, or set spark.assay.cache.dir");
    let e = waits.await.unwrap().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Journal);
    assert!(e.message().contains("hdfs://here/journal"), "{e}");
    assert!(row(&store, 2, &calls).await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_dies_leaves_what_it_had_written() {
    let driver = Journal::new("driver");
    driver.register();
    let files = Files::default();
    let calls = Arc::new(AtomicUsize::new(0));
    // Its messages go out until it dies; it has written one key, told of none, and calls for another.
    let dead = Journal::new("dead");
    for n in [1, 2] {
        let (store, calls) = (dead.store("run", "7:0"), Arc::clone(&calls));
        tokio::spawn(async move { row(&store, n, &calls).await });
    }
    sleep(TICK).await;
    dead.reply(&driver.serve(&dead.message(Duration::ZERO).unwrap()).unwrap());
    sleep(Duration::from_millis(60)).await;
    let batch = dead.take(Duration::ZERO).unwrap();
    files.lock().unwrap().insert("dead".into(), batch.bytes.clone());

    let alive = Journal::new("alive");
    jvm(&alive, "alive", &files);
    messenger(&alive, &driver);
    let waiting: Vec<_> = [1, 2, 3]
        .map(|n| {
            let (store, calls) = (alive.store("run", "7:1"), Arc::clone(&calls));
            tokio::spawn(async move { row(&store, n, &calls).await.unwrap() })
        })
        .into();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3, "the third key is free, the others are held");
    // The driver reads the file's first entry; the second was torn.
    let length = decode_length(&batch.bytes);
    let place = Place { file: "dead".into(), offset: 0, length: length as u32 };
    let first = decode(&batch.bytes[..length]).unwrap();
    let left = Finished { key: Key::from_text(&first.key).unwrap(), run: "run".into(), is_ok: true, place };
    driver.lost_executor("dead", &[left]);
    for row in waiting {
        row.await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4, "one of the two was durable");
}

fn decode_length(bytes: &[u8]) -> usize {
    12 + u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize
}
