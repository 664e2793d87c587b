//! A line of an order as it is typed: `SKU=QUANTITY@PRICE`.

use crate::client::OrderLine;

const USAGE: &str =
    "expected SKU=QUANTITY@PRICE with the price of one piece in minor units: LAMP-BLUE=2@1999";

/// Reads a line.
pub(super) fn read(text: &str) -> Result<OrderLine, String> {
    let (sku, rest) = text.rsplit_once('=').filter(|(sku, _)| !sku.is_empty()).ok_or(USAGE)?;
    let (quantity, unit_price) = rest.split_once('@').ok_or(USAGE)?;
    if unit_price.contains(['.', ',']) {
        return Err(format!("{unit_price:?} is not in minor units: 19.99 EUR is 1999"));
    }
    let quantity =
        quantity.parse().map_err(|_| format!("{quantity:?} is not a number of pieces; {USAGE}"))?;
    let unit_price = unit_price.parse().map_err(|_| format!("{unit_price:?} is not a price; {USAGE}"))?;
    Ok(OrderLine { sku: sku.to_owned(), quantity, unit_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = OrderLine { sku: "LAMP-BLUE".to_owned(), quantity: 2, unit_price: 1_999 };
        assert_eq!(read("LAMP-BLUE=2@1999"), Ok(line));
    }

    #[test]
    fn what_is_no_line_is_explained() {
        for text in
            ["", "LAMP-BLUE", "LAMP-BLUE=2", "=2@1999", "LAMP-BLUE=two@1999", "LAMP-BLUE=2@", "A=-1@5"]
        {
            assert!(read(text).is_err_and(|why| why.contains("LAMP-BLUE=2@1999")), "{text}");
        }
        assert!(read("A=1@19.99").is_err_and(|why| why.contains("19.99 EUR is 1999")));
    }
}
