import Tensors
import Testing

/// The tape itself, gradients as values, and modules.
@Suite struct TapeTests {
    private struct Network: Module {
        var first: Linear
        var norm: LayerNorm
        var second: Linear

        init(seed: UInt64) {
            var noise = Noise(seed: seed)
            first = Linear(weight: noise.tensor([6, 4]), bias: noise.tensor([6]))
            norm = LayerNorm(weight: noise.tensor([6]), bias: noise.tensor([6]), epsilon: 1e-6)
            second = Linear(weight: noise.tensor([2, 6]), bias: noise.tensor([2]))
        }

        mutating func forEachParameter(
            _ body: (String, inout Tensor) throws -> Void
        ) rethrows {
            try first.forEachParameter(under: "first", body)
            try norm.forEachParameter(under: "norm", body)
            try second.forEachParameter(under: "second", body)
        }

        func callAsFunction(_ x: Tensor) -> Tensor {
            second(first(x).gelu(), after: .norm(norm))
        }
    }

    private let network = Network(seed: 1)
    private let x: Tensor = {
        var noise = Noise(seed: 2)
        return noise.tensor([5, 4])
    }()

    @Test func parametersAreNamedInOrder() {
        #expect(
            network.parameters.map(\.name) == [
                "first.weight", "first.bias", "norm.weight", "norm.bias", "second.weight",
                "second.bias",
            ])
    }

    @Test func gradientsOfPartsAddUpInPlace() {
        var whole = Gradients(of: network)
        let value = valueWithGradient(at: network, addingTo: &whole) { $0(x).sum() }
        #expect(!value.isTracked && abs(value[] - network(x).sum()[]) == 0)

        var parts = Gradients(of: network)
        var sum: Float = 0
        var addresses: [UInt?] = []
        for rows in [0..<2, 2..<3, 3..<5] {
            sum += valueWithGradient(at: network, addingTo: &parts) { $0(x.rows(rows)).sum() }[]
            if !addresses.isEmpty { #expect(parts.tensors.map { $0?.address } == addresses) }
            addresses = parts.tensors.map { $0?.address }
        }
        #expect(abs(sum - value[]) < 1e-5)
        for (a, b) in zip(whole.tensors, parts.tensors) {
            let (a, b) = (a?.elements ?? [], b?.elements ?? [1])
            #expect(a.count == b.count)
            // A few roundings of sums of five terms up to 10.
            for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-5) }
        }
        var doubled = whole
        doubled.add(whole)
        whole.scale(by: 2)
        #expect(doubled.tensors == whole.tensors)
    }

    /// The parameters that are used last have complete gradients before the pullbacks of what comes before them run.
    @Test func gradientsAreHandedOverAsSoonAsTheyAreComplete() {
        var expected = Gradients(of: network)
        _ = valueWithGradient(at: network, addingTo: &expected) { $0(x).sum() }
        var (events, found) = ([String](), Gradients(of: network))
        var gradients = Gradients(of: network)
        let names = network.parameters.map(\.name)
        func isTracked(_ name: String) -> Bool { name != "norm.bias" }
        func receive(_ index: Int, _ gradient: Tensor?) {
            found.tensors[index] = gradient
            events.append(names[index])
        }
        _ = valueWithGradient(
            at: network, addingTo: &gradients, tracking: isTracked, whenComplete: receive
        ) { network in
            let hidden = Tensor.custom(inputs: [network.first(x)], value: { $0[0] }) {
                events.append("between")
                return [$2]
            }
            return network.second(hidden.gelu(), after: .norm(network.norm)).sum()
        }
        #expect(gradients.tensors.allSatisfy { $0 == nil })
        expected.tensors[3] = nil
        #expect(found.tensors == expected.tensors)
        #expect(Set(events.prefix(4)) == Set(names.suffix(4)))
        #expect(events[4] == "between" && events.count == 7)
    }

    @Test func onlyTrackedParametersHaveGradients() {
        var all = Gradients(of: network)
        _ = valueWithGradient(at: network, addingTo: &all) { $0(x).sum() }
        var some = Gradients(of: network)
        func isWeight(_ name: String) -> Bool { name.hasSuffix("weight") }
        _ = valueWithGradient(at: network, addingTo: &some, tracking: isWeight) { $0(x).sum() }
        for (index, (name, _)) in network.parameters.enumerated() {
            #expect(some.tensors[index] == (isWeight(name) ? all.tensors[index] : nil))
        }
    }

    @Test func tapeIsEmptyAndReusableAfterBackward() {
        let tape = Tape()
        weak var reference: Tape?
        do {
            let other = Tape()
            reference = other
            let leaf = other.track(x)
            _ = leaf.linear(weight: network.first.weight).gelu().sum()
        }
        #expect(reference == nil, "a recorded operation retains its tape")

        for _ in 0..<2 {
            let leaf = tape.track(x)
            let unused = tape.track(x)
            #expect(
                leaf.isTracked && !leaf.untracked.isTracked && !unused.sum().untracked.isTracked)
            var gradients: [Tensor?] = [nil, nil]
            tape.backward(from: leaf.sum(), into: &gradients)
            #expect(gradients == [Tensor(repeating: 1, shape: x.shape), nil])
        }
    }

    /// A hundred thousand operations.
    @Test func longChainIsReplayedWithoutRecursion() {
        let tape = Tape()
        var value = tape.track(Tensor(repeating: 0, shape: [1]))
        for _ in 0..<100_000 { value = value.scaled(by: 1) }
        var gradients: [Tensor?] = [nil]
        tape.backward(from: value, into: &gradients)
        #expect(gradients[0]?.elements == [1])
    }

    @Test func movingAverageMatchesFormulaAndStaysInPlace() {
        var teacher = Network(seed: 3)
        let before = teacher
        let addresses = teacher.parameters.map(\.tensor.address)
        #expect(addresses.count == 6)
        teacher.moveAverage(towards: network, momentum: 0.75)
        for (index, parameter) in teacher.parameters.enumerated() {
            let old = before.parameters[index].tensor.elements
            let new = network.parameters[index].tensor.elements
            for (i, x) in parameter.tensor.elements.enumerated() {
                #expect(abs(x - (0.75 * old[i] + 0.25 * new[i])) <= 1e-6)
            }
        }
        let shared = teacher.parameters.map(\.tensor.address)
        teacher.moveAverage(towards: network, momentum: 0.5)
        #expect(teacher.parameters.map(\.tensor.address) == shared, "not updated in place")
    }
}
