import Tensors

/// A permutohedral lattice with memory for filtering values repeatedly.
package struct LatticeFilter {
    private let lattice: PermutohedralLattice
    private let groups: Int
    /// Values at the vertices, `[groups, vertices + 1]`; the last one, which represents missing vertices,
    /// is zero.
    private let values: Block<FilterChannels>
    /// The other buffer of the alternating blurs, likewise.
    private let others: Block<FilterChannels>

    /// - Parameters:
    ///   - lattice: the lattice of the points.
    ///   - groups: the number of groups of four channels.
    package init(_ lattice: PermutohedralLattice, groups: Int) {
        self.lattice = lattice
        self.groups = groups
        let count = groups * (lattice.vertices + 1)
        values = Block(count: count)
        others = Block(count: count)
        for group in 1..<groups + 1 {
            values[group * (lattice.vertices + 1) - 1] = FilterChannels()
            others[group * (lattice.vertices + 1) - 1] = FilterChannels()
        }
    }

    /// Spreads values `[groups, points]` to the vertices and blurs them there.
    ///
    /// - Complexity: O((points + vertices) * dimensions * groups).
    package func blur(_ points: UnsafePointer<FilterChannels>) {
        withUnsafePointers(reading: values, others) { source, target in
            var (source, target) = (source, target)
            inBlocks { group, vertices in
                lattice.spread(
                    points + group * lattice.points, to: vertices,
                    of: source + group * (lattice.vertices + 1))
            }
            for axis in 0...lattice.dimensions {
                inBlocks { group, vertices in
                    let start = group * (lattice.vertices + 1)
                    lattice.blur(vertices, along: axis, from: source + start, to: target + start)
                }
                swap(&source, &target)
            }
        }
    }

    private func inBlocks(_ body: (_ group: Int, _ vertices: Range<Int>) -> Void) {
        let size = PermutohedralLattice.block
        let blocks = (lattice.vertices + size - 1) / size
        Parallelism.perform(count: groups * blocks) { task in
            let start = task % blocks * size
            body(task / blocks, start..<min(start + size, lattice.vertices))
        }
    }

    /// Adds the points' values after `blur(_:)` to `sums`, which starts at the first point of the range.
    package func add(
        _ points: Range<Int>, group: Int, to sums: UnsafeMutablePointer<FilterChannels>
    ) {
        let blurred = lattice.dimensions % 2 == 0 ? others : values
        withUnsafePointers(reading: blurred) {
            lattice.gather(points, from: $0 + group * (lattice.vertices + 1), addingTo: sums)
        }
    }
}

extension PermutohedralLattice {
    /// Each point's sum of the filter's weights over all points, computed by filtering ones.
    package func sums() -> [Float] {
        let filter = LatticeFilter(self, groups: 1)
        let ones = Block(repeating: FilterChannels(repeating: 1), count: points)
        let sums = Block<FilterChannels>(repeating: FilterChannels(), count: points)
        withUnsafePointers(reading: ones, sums) {
            filter.blur($0)
            filter.add(0..<points, group: 0, to: $1)
        }
        return (0..<points).map { sums[$0][0] }
    }

    fileprivate func spread(
        _ values: UnsafePointer<FilterChannels>, to range: Range<Int>,
        of vertices: UnsafeMutablePointer<FilterChannels>
    ) {
        withUnsafePointers(reading: members, memberWeights, firstMember) {
            members, weights, first in
            var index = Int(first[range.lowerBound])
            for vertex in range {
                var sum = FilterChannels()
                let end = Int(first[vertex + 1])
                while index < end {
                    sum += weights[index] * values[Int(members[index])]
                    index += 1
                }
                vertices[vertex] = sum
            }
        }
    }

    fileprivate func blur(
        _ range: Range<Int>, along axis: Int, from source: UnsafePointer<FilterChannels>,
        to target: UnsafeMutablePointer<FilterChannels>
    ) {
        withUnsafePointers(reading: neighbours) {
            let neighbours = $0 + axis * vertices
            for vertex in range {
                let (ahead, back) = (Int(neighbours[vertex][0]), Int(neighbours[vertex][1]))
                target[vertex] = source[vertex] + 0.5 * (source[ahead] + source[back])
            }
        }
    }

    fileprivate func gather(
        _ range: Range<Int>, from vertices: UnsafePointer<FilterChannels>,
        addingTo sums: UnsafeMutablePointer<FilterChannels>
    ) {
        let size = dimensions + 1
        withUnsafePointers(reading: corners, cornerWeights) { corners, weights in
            var (corner, weight) = (
                corners + range.lowerBound * size, weights + range.lowerBound * size
            )
            for index in 0..<range.count {
                var sum = sums[index]
                for place in 0..<size { sum += weight[place] * vertices[Int(corner[place])] }
                sums[index] = sum
                corner += size
                weight += size
            }
        }
    }
}
