import Platform

/// What turns the gradient of an operation's value into gradients of its inputs and adds them to
/// those that the inputs have. The gradient that it is handed is its own: it may change it in place or
/// hand it on as it stands.
package typealias Pullback = (_ gradient: inout Tensor, _ cotangents: inout Cotangents) -> Void

/// The record of a computation, for its gradient by reverse accumulation (Linnainmaa 1970;
/// Griewank and Walther 2008, chapter 3).
///
/// An operation on a tensor that is tracked records a pullback beside its value, and its value is
/// tracked too; one whose inputs are not tracked costs what it would cost without a tape. The tape
/// is flat: a value's index is greater than those of the values that it was computed from, so that
/// one walk from the end meets each after all its uses, and nothing recurses.
///
/// `@unchecked Sendable`: a tape is recorded and replayed by one thread at a time, the one that runs
/// the computation; the threads that share the work of an operation never see it. A tensor in
/// another thread that is still tracked must not be computed with there.
public final class Tape: @unchecked Sendable {
    /// One for each recorded value; `nil` for a leaf, and once it has been replayed.
    private var entries: [Pullback?] = []
    /// The values with respect to which there are gradients, in the order of `track`.
    private var leaves: [Int] = []

    public init() {}

    /// The same tensor as a variable: what is computed from it is recorded here.
    ///
    /// - Precondition: the tensor is not tracked.
    public func track(_ tensor: Tensor) -> Tensor {
        require(tensor.trace == nil, "track: the tensor \(tensor.shape) is tracked already")
        leaves.append(entries.count)
        return append(tensor, nil)
    }

    /// Notes how `value`, just computed from tensors of this tape, hands its gradient on.
    package func record(_ value: Tensor, _ pullback: @escaping Pullback) -> Tensor {
        append(value, pullback)
    }

    private func append(_ value: Tensor, _ entry: Pullback?) -> Tensor {
        var tracked = value
        tracked.trace = Trace(tape: self, index: entries.count)
        entries.append(entry)
        return tracked
    }

    /// Walks back from a value and adds its gradient with respect to each leaf to that leaf's element
    /// of `gradients`, in place where there is one; leaves that it does not depend on stay as they
    /// are. Each record, with the tensors that it kept, is dropped as soon as it has been replayed, and
    /// the tape is empty afterwards.
    ///
    /// - Parameters:
    ///   - value: a tensor of one element, computed from this tape's leaves.
    ///   - gradients: one for each leaf, in the order in which they were tracked.
    public func backward(from value: Tensor, into gradients: inout [Tensor?]) {
        require(value.count == 1, "backward: a value of shape \(value.shape), not one element")
        backward(
            from: value, gradient: Tensor(repeating: 1, shape: value.shape), into: &gradients)
    }

    /// The same for the sum of a value's elements, each times that of `gradient`: a value of any
    /// shape.
    package func backward(
        from value: Tensor, gradient: Tensor, into gradients: inout [Tensor?]
    ) {
        guard let trace = value.trace, trace.tape === self else {
            fail("backward: the value \(value.shape) is not of this tape")
        }
        require(
            value.shape == gradient.shape,
            "backward: a gradient \(gradient.shape) for a value \(value.shape)")
        require(
            gradients.count == leaves.count,
            "backward: \(gradients.count) gradients for \(leaves.count) leaves")
        var cotangents = Cotangents(count: entries.count)
        for (leaf, position) in zip(leaves, gradients.indices) {
            cotangents.values[leaf] = gradients[position].take()
        }
        cotangents.add(gradient, to: trace.index)
        for index in entries.indices.reversed() {
            guard let pullback = entries[index].take(),
                var gradient = cotangents.values[index].take()
            else { continue }
            pullback(&gradient, &cotangents)
        }
        for (leaf, position) in zip(leaves, gradients.indices) {
            gradients[position] = cotangents.values[leaf].take()
        }
        entries = []
        leaves = []
    }
}

/// Where a tracked tensor stands.
package struct Trace: Sendable {
    package let tape: Tape
    package let index: Int
}

extension Tape {
    /// The tape that an operation's inputs are recorded on, or `nil` where none is tracked.
    ///
    /// - Precondition: there is only one.
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
    /// The same elements as a constant: what is computed from them is not recorded.
    public var untracked: Tensor {
        var result = self
        result.trace = nil
        return result
    }

    /// Whether what is computed from this tensor is recorded.
    public var isTracked: Bool { trace != nil }
}
