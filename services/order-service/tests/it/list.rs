//! The list of orders: what is in it, in which order, page by page.

use projection::testing;

use crate::{
    client::{Answer, lamps},
    rig::Rig,
};

fn ids(page: &Answer) -> Vec<String> {
    let orders = page.body["orders"].as_array().unwrap();
    orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()).collect()
}

async fn place(rig: &Rig, customer: &str) -> String {
    rig.client().place(&lamps(customer, 1), &[]).await.expect(202).id()
}

#[tokio::test]
async fn pages_follow_one_another_newest_first_whatever_is_placed_meanwhile() {
    for database in testing::databases().await {
        let rig = Rig::start_on(database).await;
        let mut placed = Vec::new();
        for number in 0..7 {
            placed.push(place(&rig, if number % 2 == 0 { "even" } else { "odd" }).await);
        }
        placed.reverse();

        let mut seen = Vec::new();
        let mut path = "/orders?limit=3".to_owned();
        loop {
            let page = rig.client().get(&path).await.expect(200);
            assert!(ids(&page).len() <= 3);
            seen.extend(ids(&page));
            let cursor = page.text("/next_cursor");
            if cursor.is_empty() {
                break;
            }
            path = format!("/orders?limit=3&cursor={cursor}");
            place(&rig, "late").await;
        }
        assert_eq!(seen, placed);

        let even = rig.client().get("/orders?customer_id=even&limit=4").await.expect(200);
        assert_eq!(ids(&even), [&placed[0], &placed[2], &placed[4], &placed[6]].map(Clone::clone));
        assert_eq!(even.text("/next_cursor"), "", "there are exactly as many as were asked for");
        assert!(ids(&rig.client().get("/orders?customer_id=nobody").await.expect(200)).is_empty());
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_status_is_what_the_orders_have_now() {
    let rig = Rig::start().await;
    let [new, reserved, cancelled] =
        [place(&rig, "c-1").await, place(&rig, "c-1").await, place(&rig, "c-2").await];
    rig.reserve(&reserved).await;
    rig.until(&reserved, "awaiting_payment").await;
    rig.client().cancel(&cancelled, &[("Prefer", "wait=20")]).await.expect(200);
    for (query, expected) in [
        ("status=awaiting_stock", vec![new]),
        ("status=awaiting_payment&customer_id=c-1", vec![reserved]),
        ("status=cancelled", vec![cancelled]),
        ("status=cancelled&customer_id=c-1", vec![]),
        ("status=confirmed", vec![]),
    ] {
        let page = rig.client().get(&format!("/orders?{query}")).await.expect(200);
        assert_eq!(ids(&page), expected, "{query}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    let rig = Rig::start().await;
    for customer in ["c-1", "c-1", "c-2"] {
        place(&rig, customer).await;
    }
    let page = rig.client().get("/orders?customer_id=c-1&limit=1").await.expect(200);
    let cursor = page.text("/next_cursor");
    for query in [format!("cursor={cursor}"), format!("customer_id=c-2&cursor={cursor}")] {
        let problem = rig.client().get(&format!("/orders?{query}")).await.problem(400);
        assert_eq!(problem.text("/parameter"), "cursor");
    }
    rig.client().get(&format!("/orders?customer_id=c-1&cursor={cursor}")).await.expect(200);
    rig.stop().await;
}
