import Dispatch
import Platform

/// Adds up the gradients of a batch's shares in the order of their tree (see `Communicator.sum`).
///
/// The sums of complete subtrees are kept: at most log2(shares) + 1 sets of gradients at a time. The gradients of a rank's
/// last share can be added one by one, so that the ranks exchange them while others are still being computed.
public struct GradientSum {
    private let communicator: any Communicator
    /// For each height the sum of the last complete subtree that awaits its neighbour.
    private var subtrees: [Gradients?] = []

    /// Creates an empty sum.
    ///
    /// - Parameter communicator: the ranks that hold the shares, the same number each.
    public init(across communicator: any Communicator) {
        self.communicator = communicator
    }

    /// Adds the gradients of this rank's next share.
    ///
    /// - Complexity: O(elements), amortised.
    public mutating func add(_ gradients: consuming Gradients) {
        var sum = gradients
        var height = 0
        while height < subtrees.count, var former = subtrees[height].take() {
            former.add(sum)
            sum = former
            height += 1
        }
        if height == subtrees.count { subtrees.append(nil) }
        subtrees[height] = sum
    }

    /// The sum over the shares of all ranks; a parameter without a gradient in any share has none.
    ///
    /// - Parameter shapes: the parameters' shapes, in the module's order.
    /// - Precondition: a power of two of shares has been added.
    /// - Complexity: O(elements); for r ranks each sends 2 (1 - 1/r) times the elements.
    public consuming func total(_ shapes: [Shape]) -> Gradients {
        guard let last = subtrees.popLast() ?? nil else { return Gradients(count: shapes.count) }
        require(
            subtrees.allSatisfy { $0 == nil },
            "GradientSum: the number of shares is not a power of two")
        subtrees = []
        let sum = completing(shapes)
        for (index, gradient) in last.tensors.enumerated() { sum.add(gradient, at: index) }
        return sum.total()
    }

    /// The sum to which the gradients of this rank's last share are added one by one.
    ///
    /// - Parameters:
    ///   - shapes: the parameters' shapes, in the module's order.
    ///   - floatsPerMessage: the fewest floats in a message, unless there are fewer in all. By default messages of 16 to 32
    ///     MiB keep their copies small compared with the gradients.
    /// - Precondition: with the last share, a power of two of shares has been added.
    package consuming func completing(_ shapes: [Shape], floatsPerMessage: Int = 1 << 22)
        -> CompletingSum
    {
        let complete = subtrees.compactMap(\.self)
        require(
            complete.isEmpty || complete.count == subtrees.count,
            "GradientSum: the number of shares is not a power of two")
        return CompletingSum(
            complete, shapes, across: communicator, floatsPerMessage: floatsPerMessage)
    }
}

/// A sum of gradients that lacks only this rank's last share. Complete gradients are exchanged between the ranks on a
/// separate thread while others are still being added.
///
/// Parameters are exchanged from the module's last to its first, as the backward pass completes them. While it is in use
/// the communicator must not be used otherwise.
///
/// `@unchecked Sendable`: only the queue's work uses `totals`, until `total` has waited for it.
package final class CompletingSum: @unchecked Sendable {
    private let communicator: any Communicator
    private let shapes: [Shape]
    /// The sums of the subtrees before the last share, by height.
    private var subtrees: [Gradients]
    private var totals: Gradients
    /// Sums of parameters that are complete on this rank.
    private var own: Gradients
    private var isComplete: [Bool]
    /// The parameters from `first` on are complete; those from `end` on have been passed to the queue.
    private var (first, end): (Int, Int)
    /// The elements of the parameters between.
    private var waiting = 0
    private let queue = DispatchQueue(label: "sums of gradients")
    private let floatsPerMessage: Int

    fileprivate init(
        _ subtrees: [Gradients], _ shapes: [Shape], across communicator: any Communicator,
        floatsPerMessage: Int
    ) {
        self.floatsPerMessage = floatsPerMessage
        self.communicator = communicator
        self.shapes = shapes
        self.subtrees = subtrees
        totals = Gradients(count: shapes.count)
        own = Gradients(count: shapes.count)
        isComplete = Array(repeating: false, count: shapes.count)
        (first, end) = (shapes.count, shapes.count)
    }

    /// Adds a parameter's gradient in this rank's last share, once for each parameter in any order.
    package func add(_ gradient: Tensor?, at index: Int) {
        var sum = gradient
        for height in subtrees.indices {
            var former = subtrees[height].tensors[index].take()
            if let sum { former.accumulate(sum) }
            sum = former
        }
        own.tensors[index] = sum
        require(!isComplete[index], "GradientSum: parameter \(index) was added twice")
        isComplete[index] = true
        while first > 0 && isComplete[first - 1] {
            first -= 1
            waiting += shapes[first].count
            if waiting >= floatsPerMessage { pass() }
        }
    }

    /// The sum over the shares of all ranks, once it is complete.
    ///
    /// - Precondition: each parameter has been added.
    package func total() -> Gradients {
        require(first == 0, "GradientSum: parameter \(first - 1) was not added")
        guard communicator.count > 1 else { return own }
        pass()
        return queue.sync { totals }
    }

    /// Passes the complete parameters to the queue.
    private func pass() {
        guard communicator.count > 1, first < end else { return }
        let range = first..<end
        let sums = range.map { own.tensors[$0].take() }
        (end, waiting) = (first, 0)
        queue.async { self.addAcrossRanks(sums, range) }
    }

    private func addAcrossRanks(_ sums: [Tensor?], _ range: Range<Int>) {
        var flags: [UInt8] = sums.map { $0 == nil ? 0 : 1 }
        communicator.unite(&flags)
        let used = range.filter { flags[$0 - range.lowerBound] != 0 }
        // New tensors: to write into those of this rank, which the caller still holds, would copy them first.
        for index in used { totals.tensors[index] = Tensor(uninitialized: shapes[index]) }
        let elements = used.reduce(0) { $0 + shapes[$1].count }
        let messages = max(1, elements / floatsPerMessage)
        let most = (elements + messages - 1) / messages
        let message = UnsafeMutableBufferPointer<Float>.allocate(capacity: most)
        defer { message.deallocate() }
        var pieces: [(tensor: Int, start: Int, place: Int, count: Int)] = []
        var filled = 0
        func fillMessage(at base: UnsafeMutablePointer<Float>) {
            for piece in pieces {
                withUnsafePointers(reading: sums[piece.tensor - range.lowerBound]) { own in
                    if let own {
                        (base + piece.place).update(from: own + piece.start, count: piece.count)
                    } else {
                        // The neutral element of addition: 0 + -0 would be 0.
                        (base + piece.place).update(repeating: -0.0, count: piece.count)
                    }
                }
            }
        }
        func keepMessage(at base: UnsafeMutablePointer<Float>) {
            for piece in pieces {
                guard var tensor = totals.tensors[piece.tensor].take() else { continue }
                withUnsafePointers(writing: &tensor) {
                    ($0 + piece.start).update(from: base + piece.place, count: piece.count)
                }
                totals.tensors[piece.tensor] = tensor
            }
        }
        func exchange() {
            guard let base = message.baseAddress else { return }
            fillMessage(at: base)
            communicator.sumAcrossRanks(UnsafeMutableBufferPointer(rebasing: message[..<filled]))
            keepMessage(at: base)
            (pieces, filled) = ([], 0)
        }
        for index in used {
            var start = 0
            while start < shapes[index].count {
                let count = min(most - filled, shapes[index].count - start)
                pieces.append((index, start, filled, count))
                filled += count
                start += count
                if filled == most { exchange() }
            }
        }
        if filled > 0 { exchange() }
    }
}
