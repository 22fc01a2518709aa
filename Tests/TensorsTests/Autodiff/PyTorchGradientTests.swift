import Foundation
import Tensors
import Testing

/// Every operation's value and gradients, and every optimiser's steps, against PyTorch in double
/// precision; `Fixtures/make_autodiff.py` and `make_operations.py` made the fixtures.
@Suite struct PyTorchGradientTests {
    private let file: TensorFile
    private let operations: TensorFile

    init() throws {
        func open(_ name: String) throws -> TensorFile {
            try TensorFile(
                contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                    .appending(path: "../Fixtures/\(name).safetensors").path)
        }
        file = try open("autodiff")
        operations = try open("operations")
    }

    typealias Case = (name: String, function: @Sendable ([Tensor]) -> Tensor)

    static let cases: [Case] = [
        ("linear", { $0[0].linear(weight: $0[1], bias: $0[2], adding: $0[3]) }),
        ("linear.gelu", { $0[0].linear(weight: $0[1], bias: $0[2]).gelu() }),
        ("gelu", { $0[0].gelu() }),
        ("layerNorm", { $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-6) }),
        ("batchNorm", { $0[0].batchNorm(weight: $0[1], bias: $0[2], epsilon: 1e-5) }),
        ("normalizedRows", { $0[0].normalizedRows() }),
        ("product", { $0[0].product($0[1]) }),
        ("product.transposed", { $0[0].product(transposed: $0[1]) }),
        ("weightNormalized", { $0[0].linear(directions: $0[1], magnitudes: $0[2]) }),
        ("tokens", { Tensor.tokens(leading: $0[0], patches: $0[1], codes: $0[2]) }),
        (
            "crossEntropy",
            { $0[0].crossEntropy(softTargets: $0[1].untracked, temperature: 0.1) }
        ),
        ("difference", { $0[0] - $0[1] }),
        ("elementwiseProduct", { $0[0] * $0[1] }),
        ("squared", { $0[0].squared() }),
        ("relu", { $0[0].relu() }),
        ("transpose", { $0[0].transposed().scaled(by: 1) }),
        ("axisMean", { $0[0].mean(axis: 1) }),
        ("axisSum", { $0[0].sum(axis: -1) }),
        ("labels", { $0[0].crossEntropy(labels: [3, 0, 3, 1]) }),
        ("scaledColumns", { $0[0].scaledColumns(by: $0[1]) }),
        ("scaledColumns.residual", { $0[0].scaledColumns(by: $0[1], adding: $0[2]) }),
        ("swiGLU", { $0[0].swiGLU() }),
        ("rotated.1", { rotated($0, heads: 2, blocks: 1) }),
        ("rotated.2", { rotated($0, heads: 3, blocks: 2) }),
        (
            "block",
            {
                func norm(_ weight: Tensor, _ bias: Tensor) -> InputMap {
                    .norm(LayerNorm(weight: weight, bias: bias, epsilon: 1e-6))
                }
                let x = $0[0]
                    .linear(weight: $0[3], bias: $0[4], after: norm($0[1], $0[2]))
                    .attention(heads: 2)
                    .linear(weight: $0[5], bias: $0[6], adding: $0[0])
                return x.linear(weight: $0[9], bias: $0[10], after: norm($0[7], $0[8]))
                    .linear(weight: $0[11], bias: $0[12], after: .gelu, adding: x)
            }
        ),
    ]

    private static func rotated(_ inputs: [Tensor], heads: Int, blocks: Int) -> Tensor {
        inputs[0].rotated(
            by: RotaryAngles(cosines: inputs[1].untracked, sines: inputs[2].untracked),
            heads: heads, width: inputs[0].shape[2] / 3, blocks: blocks)
    }

    @Test(arguments: cases.map(\.name))
    func valueAndGradientsMatchPyTorch(name: String) throws {
        let function = try #require(Self.cases.first { $0.name == name }).function
        let file = operations.names.contains("\(name).x0") ? operations : file
        var inputs: [Tensor] = []
        while file.names.contains("\(name).x\(inputs.count)") {
            inputs.append(try file.tensor(named: "\(name).x\(inputs.count)"))
        }
        expectNear(function(inputs), try file.tensor(named: "\(name).value"), name)
        let gradients = gradients(
            at: inputs, weights: try file.tensor(named: "\(name).weights"), function)
        for (position, gradient) in gradients.enumerated() {
            let reference = "\(name).gradient\(position)"
            guard file.names.contains(reference) else {
                #expect(gradient == nil)
                continue
            }
            let expected = try file.tensor(named: reference)
            expectNear(try #require(gradient), expected, reference)
        }
    }

    @Test func softmaxMatchesPyTorch() throws {
        let x = try file.tensor(named: "softmax.x")
        let centre = try file.tensor(named: "softmax.centre")
        expectNear(
            x.softmax(centre: centre, temperature: 0.04), try file.tensor(named: "softmax.value"),
            "softmax")
    }

    private struct Pair: Module {
        var first: Tensor
        var second: Tensor

        mutating func forEachParameter(
            _ body: (String, inout Tensor) throws -> Void
        ) rethrows {
            try body("first", &first)
            try body("second", &second)
        }
    }

    @Test func adamWMatchesPyTorch() throws {
        try check("adamW") { AdamW(for: $0, scaling: ParameterScaling.ofDINO) }
        try check("adamW.clipped", clip: 1.5) { AdamW(for: $0, scaling: ParameterScaling.ofDINO) }
    }

    @Test func sgdWithMomentumMatchesPyTorch() throws {
        try check("sgd") { SGD(for: $0, scaling: ParameterScaling.ofDINO) }
    }

    /// Against `utils.LARS` of facebookresearch/dino.
    @Test func larsMatchesOfficialCode() throws {
        try check("lars") { LARS(for: $0) }
    }

    /// A wide matrix, a tall one, two matrices in one parameter, and a bias, which AdamW updates.
    @Test func muonMatchesPyTorch() throws {
        for (name, matrices) in [("muon", 1), ("muon.tall", 1), ("muon.stacked", 2)] {
            try check(name) {
                Muon(
                    for: $0, matrices: { $1.shape.rank == 2 ? matrices : 0 },
                    scaling: ParameterScaling.ofDINO)
            }
        }
    }

    /// Takes four steps, the second without a gradient of the second parameter. After two of them a new
    /// optimiser takes over the state. Parameters and state must be updated in place.
    private func check(
        _ name: String, clip: Double? = nil, _ make: (Pair) -> some Optimizer
    ) throws {
        var pair = Pair(
            first: try file.tensor(named: "\(name).x0"),
            second: try file.tensor(named: "\(name).x1"))
        var optimizer = make(pair)
        for step in 0..<4 {
            var gradients = Gradients(of: pair)
            for position in 0..<2 where file.names.contains("\(name).gradient\(step)\(position)") {
                gradients.tensors[position] = try file.tensor(
                    named: "\(name).gradient\(step)\(position)")
            }
            if let clip {
                let before = gradients.lengths
                #expect(gradients.clip(eachTo: clip) == before)
                for length in gradients.lengths {
                    if let length { #expect(length <= clip * (1 + 1e-6)) }
                }
            }
            let addresses =
                [pair.first.address, pair.second.address]
                + optimizer.state.dropLast().map(\.tensor.address)
            optimizer.step(
                &pair, by: gradients, rate: 0.01 * Double(step + 1), weightDecay: 0.3)
            #expect(
                addresses == [pair.first.address, pair.second.address]
                    + optimizer.state.dropLast().map(\.tensor.address), "not updated in place")
            expectNear(pair.first, try file.tensor(named: "\(name).value\(step)0"), name)
            expectNear(pair.second, try file.tensor(named: "\(name).value\(step)1"), name)
            if step == 1 {
                let state = optimizer.state
                optimizer = make(pair)
                optimizer.state = state
            }
        }
    }

    /// Within 1e-5 of the largest element: some dozen roundings of sums of some dozen terms.
    private func expectNear(_ value: Tensor, _ expected: Tensor, _ name: String) {
        #expect(value.shape == expected.shape, "\(name)")
        let scale = expected.elements.map(abs).max() ?? 0
        for (index, (x, y)) in zip(value.elements, expected.elements).enumerated() {
            #expect(abs(x - y) <= 1e-5 * scale, "\(name), element \(index): \(x), expected \(y)")
        }
    }
}
