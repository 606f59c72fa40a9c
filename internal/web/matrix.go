package web

import (
	"maps"
	"net/url"
	"slices"

	"omegastream_exporter/internal/ledger"
)

// matrix is the window's deliveries by event type and status code.
type matrix struct {
	Codes []codeColumn
	Rows  []matrixRow
}

type codeColumn struct {
	Name, Text string
	Failure    bool
	Total      int
}

type matrixRow struct {
	Type  string
	Cells []matrixCell // one for each of the columns
	Total int
}

type matrixCell struct {
	Count   int
	Failure bool
	Link    string // to its failures; "" if it has none
}

func newMatrix(window []ledger.WindowCount, page string) matrix {
	counts := make(map[string]map[ledger.Code]int)
	codes := make(map[ledger.Code]int)
	for _, w := range window {
		if w.Count == 0 {
			continue
		}
		if counts[w.Type] == nil {
			counts[w.Type] = make(map[ledger.Code]int)
		}
		counts[w.Type][w.Code] += w.Count
		codes[w.Code] += w.Count
	}
	var m matrix
	order := slices.Sorted(maps.Keys(codes))
	if len(order) > 0 && order[0] == ledger.CodeNone { // after the numbers
		order = append(order[1:], ledger.CodeNone)
	}
	for _, c := range order {
		m.Codes = append(m.Codes, codeColumn{c.String(), codeText(c, ledger.ReasonUnknown, ""), !c.Success(), codes[c]})
	}
	for _, t := range slices.Sorted(maps.Keys(counts)) {
		row := matrixRow{Type: t}
		for _, c := range order {
			cell := matrixCell{Count: counts[t][c], Failure: !c.Success()}
			if cell.Failure && cell.Count > 0 && page != "" {
				cell.Link = page + "?" + url.Values{"type": {t}, "code": {c.String()}}.Encode() + "#failures"
			}
			row.Cells = append(row.Cells, cell)
			row.Total += cell.Count
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}
