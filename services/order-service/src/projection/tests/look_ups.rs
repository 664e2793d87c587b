//! Looking many orders up at a time: each caller gets its own, or hears why not.

use events::catalogue::{ORDERS, PAYMENTS};
use futures_util::future::join_all;
use projection::{Store, testing};
use tokio::task::JoinSet;

use super::{Rig, created, order, refunded};
use crate::{look_ups::LookUps, read_model::ReadModel};

#[tokio::test]
async fn orders_looked_up_at_the_same_time_are_those_of_one_query_each() {
    for database in testing::databases().await {
        let rig = Rig::start(database.url()).await;
        for id in 0..40 {
            rig.push(ORDERS.name, &created(id)).await;
        }
        // In advance of its order, so not to be seen.
        rig.push(PAYMENTS.name, &refunded(50)).await;
        let (look_ups, work) = LookUps::new(rig.orders.clone());
        let mut working = JoinSet::new();
        working.spawn(work);
        for (count, repeated) in [(1, 1), (2, 1), (9, 1), (60, 5)] {
            let ids: Vec<_> = (0..count).cycle().take(repeated * usize::try_from(count).unwrap()).collect();
            let found = join_all(ids.iter().map(|id| look_ups.find(order(*id)))).await;
            for (id, found) in ids.into_iter().zip(found) {
                assert_eq!(found.unwrap(), rig.order(id).await, "{id} among {count}");
            }
        }
        working.shutdown().await;
        assert!(look_ups.find(order(1)).await.unwrap().is_some(), "also while the process stops");
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_query_that_fails_fails_for_everybody_who_shared_it() {
    let database = testing::sqlite();
    // Without tables.
    let orders = ReadModel::new(Store::open(database.url()).await.unwrap());
    let (look_ups, work) = LookUps::new(orders);
    let mut working = JoinSet::new();
    working.spawn(work);
    let found = join_all((0..10).map(|id| look_ups.find(order(id)))).await;
    assert!(found.iter().all(Result::is_err), "{found:?}");
}
