// Package isolationforest tells how isolated a point is: the value of a series with its recent past, or the values of
// several series at one time.
//
// Random cuts set apart from the rest what is unusual, and few of them are needed for it (Liu, Ting and Zhou,
// "Isolation forest", ICDM 2008).
package isolationforest

import "math"

// MaxFeatures is the largest number of features of a point.
const MaxFeatures = 8

// A Point is described by its features, of which a forest may use only the first ones. They must not be NaN.
type Point = [MaxFeatures]float32

// A Forest is an isolation forest. Its trees grow in groups (see Grow), so that a point can be scored by the trees that
// have not seen it.
type Forest struct {
	width int // number of features in use
	nodes []node
	roots []uint32
	norm  float64 // mean path length in a tree of this size
}

// node is 8 bytes; its right child follows the left one.
type node struct {
	split   float32 // of a leaf: the path length that it stands for
	left    uint16  // from the root; 0: a leaf
	feature uint8
}

// New returns a forest without trees that uses the first width features of a point.
func New(width int) Forest { return Forest{width: width} }

// Trees returns the number of trees.
func (f *Forest) Trees() int { return len(f.roots) }

// Random is the generator of the cuts: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014). Its value is the seed.
type Random uint64

func (r *Random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns an integer from 0 to n-1, share a number from 0 to 1.
func (r *Random) below(n int) int { return int(uint64(uint32(r.next())) * uint64(n) >> 32) }
func (r *Random) share() float32  { return float32(r.next()>>40) / (1 << 24) }

// pathLength is the mean depth of a value in a random tree over n values (Liu, Ting and Zhou, equation 1).
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

// Grow adds trees, each over a sample of the points without replacement. There has to be a point; subsample is 2 to
// 32768, as nodes are numbered by 16 bits.
func (f *Forest) Grow(points []Point, trees, subsample int, r *Random) {
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

// split makes the node at: a cut at random between the extremes of a random feature that has two values, or a leaf.
func (f *Forest) split(points []Point, order []int32, root, at, limit, depth int, r *Random) {
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

func extremes(points []Point, order []int32, k int) (lo, hi float32) {
	lo = points[order[0]][k]
	hi = lo
	for _, i := range order[1:] {
		v := points[i][k]
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// partition puts those below the cut first and returns their number.
func partition(points []Point, order []int32, k int, cut float32) int {
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

// Score returns 2^(-mean path length / norm) over the trees from index from up to, not including, to: near 1 for an
// isolated point, 0.5 and less for the others. It does not allocate.
func (f *Forest) Score(p *Point, from, to int) float32 {
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
