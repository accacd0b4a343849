package scorer

import "math"

// forest is an isolation forest: what few random cuts set apart from the rest is strange (Liu, Ting and Zhou, "Isolation
// forest", ICDM 2008).
type forest struct {
	nodes []node
	roots []uint32
	norm  float64 // mean path length in a tree of this size
	width int     // how many of the features are in use; 0 = all
}

// node is 8 bytes; its right child follows the left one.
type node struct {
	split   float32 // of a leaf: the path length that it stands for
	left    uint16  // from the root; 0 = leaf
	feature uint8
}

// The features of a step, in units of the series' scale; the windows are of 12 slots.
const (
	featValue = iota
	featChange
	featAcceleration
	featMean
	featMedian
	featDeviation
	featRange // inter-quartile
	featKnown // share of the window that had a value
	featCount
)

const featWindow = 12

type features [featCount]float32

// history is what the features are made from.
type history struct {
	ring   [featWindow]float32
	next   int
	change float32
	last   float32
}

func newHistory() *history {
	h := &history{change: nan32, last: nan32}
	for i := range h.ring {
		h.ring[i] = nan32
	}
	return h
}

// add takes the next value, NaN for none.
func (h *history) add(x float32) {
	h.ring[h.next] = x
	h.next = (h.next + 1) % featWindow
	if x != x {
		h.last, h.change = nan32, nan32
	}
}

// take returns the features of the value x, which it adds.
func (h *history) take(x float32) features {
	h.add(x)
	change := x - h.last
	if change != change {
		change = 0
	}
	acceleration := change - h.change
	if acceleration != acceleration {
		acceleration = 0
	}
	h.change, h.last = change, x
	var v [featWindow]float32
	n := 0
	var sum, square float64
	for _, r := range h.ring {
		if r == r {
			v[n] = r
			n++
			sum += float64(r)
			square += float64(r) * float64(r)
		}
	}
	known := v[:n]
	mid := median(known) // sorts
	mean := sum / float64(n)
	return features{
		x, change, acceleration, float32(mean), mid, float32(math.Sqrt(max(square/float64(n)-mean*mean, 0))),
		quantile(known, 0.75) - quantile(known, 0.25), float32(n) / featWindow,
	}
}

// random is splitmix64 (Steele, Lea and Flood, 2014).
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) below(n int) int { return int(uint64(uint32(r.next())) * uint64(n) >> 32) }
func (r *random) share() float32  { return float32(r.next()>>40) / (1 << 24) }

// pathLength is the mean depth of a value in a random tree over n values.
func pathLength(n int) float64 {
	switch {
	case n <= 1:
		return 0
	case n == 2:
		return 1
	}
	const euler = 0.5772156649015329
	return 2*(math.Log(float64(n-1))+euler) - 2*float64(n-1)/float64(n)
}

// grow adds trees, each over a sample of the points without replacement.
func (f *forest) grow(points []features, trees, subsample int, r *random) {
	if f.width == 0 {
		f.width = featCount
	}
	sub := min(subsample, len(points))
	f.norm = pathLength(max(sub, 2))
	limit := int(math.Ceil(math.Log2(float64(max(sub, 2)))))
	order := make([]int32, len(points))
	for i := range order {
		order[i] = int32(i)
	}
	for range trees {
		for i := range sub {
			j := i + r.below(len(order)-i)
			order[i], order[j] = order[j], order[i]
		}
		root := len(f.nodes)
		f.roots = append(f.roots, uint32(root))
		f.nodes = append(f.nodes, node{})
		f.split(points, order[:sub], root, root, limit, 0, r)
	}
}

// split makes the node at: a cut at random between the extremes of a random feature that has any, or a leaf.
func (f *forest) split(points []features, order []int32, root, at, limit, depth int, r *random) {
	if len(order) > 1 && depth < limit {
		first := r.below(f.width)
		for i := range f.width {
			k := (first + i) % f.width
			lo, hi := extremes(points, order, k)
			cut := lo + r.share()*(hi-lo)
			if !(cut > lo) { // one value only, or no number between
				cut = hi
			}
			if !(lo < cut) {
				continue
			}
			n := partition(points, order, k, cut)
			left := len(f.nodes)
			f.nodes = append(f.nodes, node{}, node{})
			f.nodes[at] = node{split: cut, left: uint16(left - root), feature: uint8(k)}
			f.split(points, order[:n], root, left, limit, depth+1, r)
			f.split(points, order[n:], root, left+1, limit, depth+1, r)
			return
		}
	}
	f.nodes[at] = node{split: float32(float64(depth) + pathLength(len(order)))}
}

func extremes(points []features, order []int32, k int) (lo, hi float32) {
	lo = points[order[0]][k]
	hi = lo
	for _, i := range order[1:] {
		v := points[i][k]
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// partition puts those below the cut first and returns their number.
func partition(points []features, order []int32, k int, cut float32) int {
	i, j := 0, len(order)
	for i < j {
		if points[order[i]][k] < cut {
			i++
			continue
		}
		j--
		order[i], order[j] = order[j], order[i]
	}
	return i
}

// score is 2^(-mean path length / norm) over the trees from to to: near 1 for what stands apart, 0.5 and less for the rest.
func (f *forest) score(p *features, from, to int) float32 {
	var sum float64
	for _, root := range f.roots[from:to] {
		tree := f.nodes[root:]
		n := tree[0]
		for n.left != 0 {
			i := n.left
			if p[n.feature] >= n.split {
				i++
			}
			n = tree[i]
		}
		sum += float64(n.split)
	}
	return float32(math.Exp2(-sum / float64(to-from) / f.norm))
}
