import Platform

/// The minimum cut of a grid in which each pixel is connected to its eight neighbours, to a source and
/// to a sink: the algorithm of Boykov and Kolmogorov, "An Experimental Comparison of
/// Min-Cut/Max-Flow Algorithms for Energy Minimization in Vision" (2004), with the distances and time
/// stamps of Kolmogorov's thesis, section 4.
///
/// Two trees of residual arcs grow from the terminals; where they meet, flow is pushed, and pixels
/// that a saturated arc cuts off search for new parents. Neighbours are implicit: direction d of a pixel
/// is 7 - d of its neighbour, and a border of pixels without capacity surrounds the grid.
/// Capacities are integers, so that flow and cut are exact.
///
/// Terminals can be set again after a cut. The flow between pixels stays, and only the difference is
/// pushed (Kohli and Torr, "Efficiently Solving Dynamic Markov Random Fields Using Graph Cuts",
/// 2005).
package struct GridCut: ~Copyable {
    package let width: Int
    package let height: Int
    private let line: Int
    /// Offsets from a pixel to its neighbours: three above, left, right, three below.
    private let steps: UnsafeMutablePointer<Int>
    /// Residual capacities `[pixels of the bordered grid, 8 directions]`.
    private let capacities: UnsafeMutablePointer<Int32>
    /// Residual capacity of the arc from the source, or negated, of the arc to the sink.
    private let terminals: UnsafeMutablePointer<Int32>
    /// The terminals as last set.
    private let wanted: UnsafeMutablePointer<Int32>
    private let trees: UnsafeMutablePointer<Tree>
    /// Directions to parents, or `root` or `orphan`.
    private let parents: UnsafeMutablePointer<UInt8>
    /// Steps to the terminal; valid if the pixel's stamp equals `time`.
    private let distances: UnsafeMutablePointer<Int32>
    private let stamps: UnsafeMutablePointer<Int32>
    /// The next pixel in the queue of active pixels; the last refers to itself, and -1 marks pixels that
    /// are not in the queue.
    private let next: UnsafeMutablePointer<Int32>
    private var first: Int32 = -1
    private var last: Int32 = -1
    private var orphans: [Int32] = []
    private var time: Int32 = 0

    /// The tree that a pixel belongs to.
    private enum Tree: UInt8 {
        case none, source, sink
    }

    private static let root: UInt8 = 8
    private static let orphan: UInt8 = 9

    /// One direction per pair of neighbours: right and the three below.
    package enum Arc: Int, CaseIterable {
        case right = 4
        case belowLeft, below, belowRight
    }

    /// A grid without arcs.
    ///
    /// - Precondition: it has at least one pixel, and fewer than 2^31 including the border.
    package init(width: Int, height: Int) {
        require(
            width > 0 && height > 0 && (width + 2) * (height + 2) < Int32.max,
            "GridCut: \(width)x\(height) pixels")
        self.width = width
        self.height = height
        line = width + 2
        let count = line * (height + 2)
        func zeros<Value: FixedWidthInteger>(
            _ count: Int, _ value: Value = 0
        ) -> UnsafeMutablePointer<Value> {
            let memory = UnsafeMutablePointer<Value>.allocate(capacity: count)
            memory.initialize(repeating: value, count: count)
            return memory
        }
        steps = zeros(8)
        for (direction, step) in [
            -line - 1, -line, -line + 1, -1, 1, line - 1, line, line + 1,
        ].enumerated() {
            steps[direction] = step
        }
        capacities = zeros(8 * count)
        terminals = zeros(count)
        wanted = zeros(count)
        parents = zeros(count)
        distances = zeros(count)
        stamps = zeros(count)
        next = zeros(count, -1)
        trees = .allocate(capacity: count)
        trees.initialize(repeating: .none, count: count)
    }

    deinit {
        steps.deallocate()
        capacities.deallocate()
        terminals.deallocate()
        wanted.deallocate()
        parents.deallocate()
        distances.deallocate()
        stamps.deallocate()
        next.deallocate()
        trees.deallocate()
    }

    private func node(_ column: Int, _ row: Int) -> Int { (row + 1) * line + column + 1 }

    @inline(__always)
    private func neighbour(_ node: Int, _ direction: Int) -> Int { node + steps[direction] }

    /// Connects a pixel and its neighbour by arcs of equal capacity in both directions.
    ///
    /// - Precondition: the neighbour is in the grid; no cut has been made.
    package mutating func setCapacity(_ capacity: Int32, column: Int, row: Int, _ arc: Arc) {
        let from = node(column, row)
        let to = neighbour(from, arc.rawValue)
        require(
            capacity >= 0 && column >= 0 && row >= 0 && row + (arc == .right ? 0 : 1) < height
                && column < width && !(column == 0 && arc == .belowLeft)
                && !(column == width - 1 && (arc == .right || arc == .belowRight)),
            "GridCut: arc \(arc) of capacity \(capacity) at column \(column), row \(row) of "
                + "\(width)x\(height)")
        capacities[8 * from + arc.rawValue] = capacity
        capacities[8 * to + 7 - arc.rawValue] = capacity
    }

    /// Connects a pixel to the source by an arc of `capacity`, or if that is negative, to the sink by an
    /// arc of `-capacity`.
    package mutating func setTerminal(_ capacity: Int32, column: Int, row: Int) {
        let node = node(column, row)
        push(capacity - wanted[node], toTerminal: node)
        wanted[node] = capacity
    }

    /// Whether a pixel is on the source's side; if several cuts are minimal, that with the smallest
    /// source side.
    package func isSource(column: Int, row: Int) -> Bool {
        trees[node(column, row)] == .source
    }

    /// Finds the minimum cut.
    ///
    /// - Returns: the flow pushed from source to sink by this call. After terminals were set again, it
    ///   does not include flow that remains from before.
    /// - Complexity: O(pixels² * cut) at worst; about linear on pictures.
    @discardableResult
    package mutating func solve() -> Int {
        plant()
        var flow = 0
        while first >= 0 {
            let node = Int(first)
            flow += grow(from: node)
            // Remove the pixel from the queue.
            let following = next[node]
            next[node] = -1
            first = following == Int32(node) ? -1 : following
            if first < 0 { last = -1 }
        }
        return flow
    }

    private mutating func plant() {
        time = 0
        for row in 0..<height {
            for node in node(0, row)..<node(width, row) {
                stamps[node] = 0
                distances[node] = 1
                parents[node] = Self.root
                trees[node] =
                    terminals[node] > 0 ? .source : terminals[node] < 0 ? .sink : .none
                if terminals[node] != 0 { activate(node) }
            }
        }
    }

    @inline(__always)
    private mutating func activate(_ node: Int) {
        guard next[node] < 0 else { return }
        next[node] = Int32(node)
        if last >= 0 { next[Int(last)] = Int32(node) } else { first = Int32(node) }
        last = Int32(node)
    }

    /// The residual capacity from a pixel to its neighbour.
    @inline(__always)
    private func residual(_ node: Int, _ direction: Int) -> Int32 {
        capacities[8 * node + direction]
    }

    /// The residual capacity from a pixel's neighbour to the pixel.
    @inline(__always)
    private func reverse(_ node: Int, _ direction: Int) -> Int32 {
        capacities[8 * neighbour(node, direction) + 7 - direction]
    }

    /// Grows a pixel's tree to all its neighbours and pushes flow wherever it meets the other tree. Returns
    /// the flow.
    private mutating func grow(from node: Int) -> Int {
        var flow = 0
        var direction = 0
        while direction < 8 {
            let tree = trees[node]
            guard tree != .none else { break }
            let other = neighbour(node, direction)
            let left = tree == .source ? residual(node, direction) : reverse(node, direction)
            if left > 0 {
                if trees[other] == .none {
                    trees[other] = tree
                    parents[other] = UInt8(7 - direction)
                    distances[other] = distances[node] + 1
                    stamps[other] = stamps[node]
                    activate(other)
                } else if trees[other] != tree {
                    flow +=
                        tree == .source
                        ? augment(node, direction) : augment(other, 7 - direction)
                    adoptOrphans()
                    // The pixel may have changed its tree, and the arc may have residual capacity.
                    direction = 0
                    continue
                } else if distances[other] > distances[node] + 1 && stamps[other] <= stamps[node] {
                    parents[other] = UInt8(7 - direction)
                    distances[other] = distances[node] + 1
                    stamps[other] = stamps[node]
                }
            }
            direction += 1
        }
        return flow
    }

    /// Pushes the maximum flow along the path through both trees and the arc from `node` between them.
    /// Returns the flow.
    private mutating func augment(_ node: Int, _ direction: Int) -> Int {
        let meeting = neighbour(node, direction)
        var least = residual(node, direction)
        var at = node
        while parents[at] < Self.root {
            least = min(least, reverse(at, Int(parents[at])))
            at = neighbour(at, Int(parents[at]))
        }
        least = min(least, terminals[at])
        at = meeting
        while parents[at] < Self.root {
            least = min(least, residual(at, Int(parents[at])))
            at = neighbour(at, Int(parents[at]))
        }
        least = min(least, -terminals[at])

        push(least, node, direction)
        at = node
        while parents[at] < Self.root {
            let up = Int(parents[at])
            let parent = neighbour(at, up)
            push(least, parent, 7 - up)
            if residual(parent, 7 - up) == 0 { orphanize(at) }
            at = parent
        }
        push(-least, toTerminal: at)
        if terminals[at] == 0 { orphanize(at) }
        at = meeting
        while parents[at] < Self.root {
            let up = Int(parents[at])
            let parent = neighbour(at, up)
            push(least, at, up)
            if residual(at, up) == 0 { orphanize(at) }
            at = parent
        }
        push(least, toTerminal: at)
        if terminals[at] == 0 { orphanize(at) }
        return Int(least)
    }

    @inline(__always)
    private func push(_ amount: Int32, _ node: Int, _ direction: Int) {
        capacities[8 * node + direction] -= amount
        capacities[8 * neighbour(node, direction) + 7 - direction] += amount
    }

    /// A function of its own, as Swift 6.3 cannot compile the expression in a mutating method with the
    /// thread sanitizer.
    @inline(__always)
    private func push(_ amount: Int32, toTerminal node: Int) { terminals[node] += amount }

    @inline(__always)
    private mutating func orphanize(_ node: Int) {
        parents[node] = Self.orphan
        orphans.append(Int32(node))
    }

    /// Connects each orphan to the neighbour in its tree with the shortest path to the terminal; an orphan
    /// without such a neighbour leaves the tree, and its children become orphans.
    private mutating func adoptOrphans() {
        time += 1
        while let next = orphans.popLast() {
            let node = Int(next)
            let tree = trees[node]
            var best = Int32.max
            var parent = Self.orphan
            for direction in 0..<8 {
                let other = neighbour(node, direction)
                guard trees[other] == tree else { continue }
                let left = tree == .source ? reverse(node, direction) : residual(node, direction)
                guard left > 0 else { continue }
                let distance = distanceToTerminal(other)
                if distance < best {
                    best = distance
                    parent = UInt8(direction)
                }
            }
            if parent != Self.orphan {
                parents[node] = parent
                distances[node] = best + 1
                stamps[node] = time
            } else {
                release(node, from: tree)
            }
        }
    }

    /// Steps from a pixel to its terminal, or `Int32.max` if it is cut off. The distances of all pixels on
    /// the way are updated.
    @inline(__always)
    private func distanceToTerminal(_ node: Int) -> Int32 {
        var at = node
        var steps: Int32 = 0
        while stamps[at] != time {
            if parents[at] == Self.orphan { return .max }
            if parents[at] == Self.root {
                stamps[at] = time
                distances[at] = 1
                break
            }
            at = neighbour(at, Int(parents[at]))
            steps += 1
        }
        let result = distances[at] + steps
        var distance = result
        at = node
        while stamps[at] != time {
            stamps[at] = time
            distances[at] = distance
            distance -= 1
            at = neighbour(at, Int(parents[at]))
        }
        return result
    }

    private mutating func release(_ node: Int, from tree: Tree) {
        trees[node] = .none
        for direction in 0..<8 {
            let other = neighbour(node, direction)
            guard trees[other] == tree else { continue }
            let left = tree == .source ? reverse(node, direction) : residual(node, direction)
            if left > 0 { activate(other) }
            if Int(parents[other]) == 7 - direction { orphanize(other) }
        }
    }
}
