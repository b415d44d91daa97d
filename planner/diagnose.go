package planner

import (
	"errors"
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// fail adds an error that ends the planning after the stage. block may be nil.
func (p *planning) fail(block *hclconfig.Block, addr resource.Address, summary, format string, args ...any) {
	p.diags = append(p.diags, diagnose(block, addr, summary, format, args...))
}

// failTurn adds an error to the current turn of settle; a later turn may not have it.
func (p *planning) failTurn(block *hclconfig.Block, addr resource.Address, summary, format string, args ...any) {
	p.turn = append(p.turn, diagnose(block, addr, summary, format, args...))
}

// warnTurn adds a warning to the current turn of settle.
func (p *planning) warnTurn(block *hclconfig.Block, addr resource.Address, summary, format string, args ...any) {
	d := diagnose(block, addr, summary, format, args...)
	d.Severity = hclconfig.Warning
	p.turn = append(p.turn, d)
}

func diagnose(block *hclconfig.Block, addr resource.Address, summary, format string, args ...any) hclconfig.Diagnostic {
	d := hclconfig.Diagnostic{
		Severity: hclconfig.Error, Summary: summary, Detail: hclconfig.Printable(fmt.Sprintf(format, args...)),
		Address: hclconfig.Address(addr),
	}
	if block != nil && block.Range.Filename != "" {
		d.Subject = new(block.Range)
	}
	return d
}

// callText describes a failed call. An error of a driver names the call and what to do about it.
func callText(err error) string {
	if e, ok := errors.AsType[*resource.Error](err); ok {
		return e.Error()
	}
	return err.Error()
}

// plural is "1 node", "2 nodes".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
