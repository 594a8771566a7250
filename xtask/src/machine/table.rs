//! Plain tables: columns as wide as their widest cell, two spaces apart.

/// Rows without a heading, one a line.
pub(crate) fn rows<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|it| it[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        out.extend([line.trim_end(), "\n"]);
    }
    out
}

pub(crate) fn titled<const N: usize>(titles: [&str; N], body: &[[String; N]]) -> String {
    rows(&[&[titles.map(str::to_owned)], body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let body = [["é✓".to_owned(), "x".to_owned(), String::new()]];
        assert_eq!(titled(["NAME", "B", "C"], &body), "NAME  B  C\né✓    x\n");
    }
}
