package hclconfig

// checkDesired finds what is wrong between objects.
func (ev *evaluator) checkDesired(d *Desired) {}
