package hclconfig

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// checkWhole wants a whole number within bounds.
func checkWhole(v cty.Value, low, high int, what string) string {
	f := v.AsBigFloat()
	if !f.IsInt() {
		return fmt.Sprintf("%s is not a whole number.", numberText(f))
	}
	if f.Cmp(big.NewFloat(float64(low))) < 0 || f.Cmp(big.NewFloat(float64(high))) > 0 {
		return fmt.Sprintf("%s is out of range: %s is from %d to %d.", numberText(f), what, low, high)
	}
	return ""
}

// checkQuorum wants a size that survives the loss of a minority.
func checkQuorum(v cty.Value) string {
	f := v.AsBigFloat()
	n, _ := f.Int64()
	if !f.IsInt() {
		return "It is not a whole number. A control plane has 1, 3 or 5 nodes."
	}
	switch {
	case n == 1 || n == 3 || n == 5:
		return ""
	case n < 1:
		return "A control plane needs at least one node. Write 1, 3 or 5."
	case n > 5:
		return fmt.Sprintf("%s nodes are too many: each more makes every write slower. Write 1, 3 or 5.", numberText(f))
	}
	return fmt.Sprintf("%d nodes survive no more failures than %d, as a majority must agree. Write %d or %d.", n, n-1, n-1, n+1)
}

// parseAmount reads "1" or "25%".
func parseAmount(s string) (Amount, string) {
	const write = "Write a whole number, or a part such as \"25%\"."
	digits, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return Amount{}, fmt.Sprintf("%q is not an amount. %s", s, write)
	case n < 0:
		return Amount{}, fmt.Sprintf("%q is below zero. %s", s, write)
	case percent && n > 100:
		return Amount{}, fmt.Sprintf("%q is more than all. %s", s, write)
	case n > maxPoolSize:
		return Amount{}, fmt.Sprintf("%q is too much. %s", s, write)
	}
	return Amount{Value: n, Percent: percent}, ""
}

// parseDuration reads a duration with a unit, "90s" or "1h30m".
func parseDuration(s string) (time.Duration, string) {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	switch {
	case err != nil:
		return 0, fmt.Sprintf("%q is not a duration. Write a number with a unit: \"90s\", \"10m\", \"1h30m\".", s)
	case d < 0:
		return 0, fmt.Sprintf("%q is below zero.", s)
	case d > 30*24*time.Hour:
		return 0, fmt.Sprintf("%q is longer than 30 days.", s)
	}
	return d, ""
}

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$`)

// parseBytes reads a size in bytes with a unit as Kubernetes writes them.
func parseBytes(s string) (int64, string) {
	units := map[string]float64{
		"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
	}
	const write = "Write a number with a unit: \"64Mi\", \"2Gi\"."
	m := quantity.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Sprintf("%q is not a size. %s", s, write)
	}
	unit, ok := units[m[2]]
	if !ok {
		return 0, fmt.Sprintf("%q has an unknown unit, %q. %s", s, m[2], write)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n*unit > math.MaxInt64/2 {
		return 0, fmt.Sprintf("%q is too large.", s)
	}
	return int64(math.Ceil(n * unit)), ""
}

// parseCPU reads processors, "0.5", or thousandths of one, "500m".
func parseCPU(s string) (int64, string) {
	const write = "Write processors, 0.5, or thousandths of one, \"500m\"."
	m := quantity.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil || m[2] != "" && m[2] != "m" {
		return 0, fmt.Sprintf("%q is not an amount of processors. %s", s, write)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n > 1e6 {
		return 0, fmt.Sprintf("%q is too much. %s", s, write)
	}
	if m[2] == "" {
		n *= 1000
	}
	return int64(math.Ceil(n)), ""
}
