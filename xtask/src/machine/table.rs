//! Plain tables: columns as wide as their widest cell, two spaces apart.

/// Rows without a heading, one a line.
pub(crate) fn rows<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|it| it[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub(crate) fn titled<const N: usize>(titles: [&str; N], body: Vec<[String; N]>) -> String {
    let mut all = vec![titles.map(str::to_owned)];
    all.extend(body);
    rows(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let body = vec![["é✓".to_owned(), "x".to_owned(), String::new()]];
        assert_eq!(titled(["NAME", "B", "C"], body), "NAME  B  C\né✓    x\n");
    }
}
