import Platform

/// Turns the gradient of an operation's value into gradients of its inputs and adds them to `cotangents`. A pullback
/// owns the gradient it receives: it may change it in place or pass it on unchanged.
package typealias Pullback = (_ gradient: inout Tensor, _ cotangents: inout Cotangents) -> Void

/// The record of a computation, for its gradient by reverse accumulation (Linnainmaa 1970; Griewank and Walther 2008,
/// chapter 3).
///
/// An operation on a tracked tensor records a pullback with its value, which is then tracked too; without tracked
/// inputs it costs the same as without a tape. The tape is flat: a value has a greater index than the values it was
/// computed from, so one walk from the end reaches each value after all its uses, without recursion.
///
/// `@unchecked Sendable`: a tape is recorded and replayed by one thread at a time, the one that runs the computation;
/// the threads that share the work of an operation never see it. A tracked tensor must not be computed with on another
/// thread.
public final class Tape: @unchecked Sendable {
    /// One pullback per recorded value; `nil` for a leaf, and after its replay.
    private var entries: [Pullback?] = []
    /// The tracked variables, in the order of the calls of `track`.
    private var leaves: [Leaf] = []
    /// Positions in `leaves` by index.
    private var positions: [Int: Int] = [:]

    private struct Leaf {
        let index: Int
        /// The number of entries when an operation first used the variable: once the entries from there on have been
        /// replayed, the variable's gradient is complete. `Int.max` if it was never used.
        var firstUse = Int.max
    }

    /// Creates an empty tape.
    public init() {}

    /// Makes the tensor a variable: operations on it are recorded on this tape.
    ///
    /// - Returns: the tensor, tracked; it shares its elements with `tensor`.
    ///
    /// - Precondition: the tensor is not tracked.
    public func track(_ tensor: Tensor) -> Tensor {
        require(tensor.trace == nil, "track: the tensor \(tensor.shape) is already tracked")
        positions[entries.count] = leaves.count
        leaves.append(Leaf(index: entries.count))
        return append(tensor, nil)
    }

    /// Notes that an operation uses a recorded value.
    fileprivate func noteUse(of index: Int) {
        guard let position = positions[index], leaves[position].firstUse == .max else { return }
        leaves[position].firstUse = entries.count
    }

    /// Records how `value`, just computed from tensors of this tape, passes its gradient back to them.
    package func record(_ value: Tensor, _ pullback: @escaping Pullback) -> Tensor {
        append(value, pullback)
    }

    private func append(_ value: Tensor, _ entry: Pullback?) -> Tensor {
        var tracked = value
        tracked.trace = Trace(tape: self, place: entries.count)
        entries.append(entry)
        return tracked
    }

    /// Replays the tape from a value backwards and adds its gradient with respect to each variable to the matching
    /// element of `gradients`, in place where there is one; variables that it does not depend on keep theirs. Each
    /// record is dropped with its tensors as soon as it has been replayed; the tape is empty afterwards.
    ///
    /// - Parameters:
    ///   - value: a tensor of one element, computed from this tape's variables.
    ///   - gradients: one for each variable, in the order in which they were tracked.
    /// - Precondition: `value` is recorded on this tape and has one element.
    public func backward(from value: Tensor, into gradients: inout [Tensor?]) {
        require(value.count == 1, "backward: a value of shape \(value.shape), not one element")
        backward(
            from: value, gradient: Tensor(repeating: 1, shape: value.shape), into: &gradients)
    }

    /// The same for a value of any shape: differentiates the sum of its elements weighted by those of `gradient`.
    ///
    /// - Parameter whenComplete: takes the gradient of each variable, by its position, as soon as it is complete; none are
    ///   left in `gradients` then.
    package func backward(
        from value: Tensor, gradient: Tensor, into gradients: inout [Tensor?],
        whenComplete: ((_ position: Int, _ gradient: Tensor?) -> Void)? = nil
    ) {
        guard let trace = value.trace, trace.tape === self else {
            fail("backward: the value \(value.shape) is not recorded on this tape")
        }
        require(
            value.shape == gradient.shape,
            "backward: a gradient \(gradient.shape) for a value \(value.shape)")
        require(
            gradients.count == leaves.count,
            "backward: \(gradients.count) gradients for \(leaves.count) leaves")
        var cotangents = Cotangents(count: entries.count)
        for (leaf, position) in zip(leaves, gradients.indices) {
            cotangents.values[leaf.index] = gradients[position].take()
        }
        cotangents.add(gradient, to: trace.place)
        // The last used first.
        var awaited = leaves.indices.sorted { leaves[$0].firstUse < leaves[$1].firstUse }
        func handOver(usedFrom index: Int) {
            guard let whenComplete else { return }
            while let position = awaited.last, leaves[position].firstUse >= index {
                awaited.removeLast()
                whenComplete(position, cotangents.values[leaves[position].index].take())
            }
        }
        handOver(usedFrom: entries.count)
        for index in entries.indices.reversed() {
            if let pullback = entries[index].take(),
                var gradient = cotangents.values[index].take()
            {
                pullback(&gradient, &cotangents)
            }
            handOver(usedFrom: index)
        }
        for (leaf, position) in zip(leaves, gradients.indices) {
            gradients[position] = cotangents.values[leaf.index].take()
            require(
                whenComplete == nil || gradients[position] == nil,
                "backward: variable \(position) was used before its gradient was complete")
        }
        entries = []
        leaves = []
        positions = [:]
    }
}

/// The position of a tracked tensor: its tape and its index there.
package struct Trace: Sendable {
    package let tape: Tape
    fileprivate let place: Int

    /// The index. Reading it counts as a use of the tensor by the operation that is recorded next.
    package var index: Int {
        tape.noteUse(of: place)
        return place
    }
}

extension Tape {
    /// The tape that an operation's inputs are recorded on, or `nil` if none is tracked.
    ///
    /// - Precondition: all tracked inputs are on the same tape.
    package static func of(
        _ a: Tensor, _ b: Tensor? = nil, _ c: Tensor? = nil, _ d: Tensor? = nil
    ) -> Tape? {
        let tape = a.trace?.tape ?? b?.trace?.tape ?? c?.trace?.tape ?? d?.trace?.tape
        guard let tape else { return nil }
        func isOfIt(_ trace: Trace?) -> Bool { trace == nil || trace?.tape === tape }
        require(
            isOfIt(a.trace) && isOfIt(b?.trace) && isOfIt(c?.trace) && isOfIt(d?.trace),
            "Tape: an operation's inputs are recorded on different tapes")
        return tape
    }
}

extension Tensor {
    /// The same elements as a constant: operations on it are not recorded.
    public var untracked: Tensor {
        var result = self
        result.trace = nil
        return result
    }

    /// Whether operations on this tensor are recorded.
    public var isTracked: Bool { trace != nil }
}
