import DINO
import Foundation
import Tensors
import Testing
import ViT

/// The training runs of the official code that `Fixtures/make_training.py` recorded.
enum TrainingFixture {
    static let steps = 10
    static let stepsPerEpoch = 5
    static let pictures = 3
    static let sides = (large: 32, small: 16)

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var optimizer: OptimizerKind
        var learningRate: Double
        var frozenEpochs: Int
        var clip: Double?
        var hasBatchNorm: Bool
        var learnsMagnitude: Bool
        var network = dino
        var file = "training"

        var testDescription: String { name }
    }

    private static let dino = VisionTransformer.Configuration(width: 16, depth: 2, heads: 2)
        .sized(patchSize: 8, imageSize: sides.large)

    private static let dinov2 = {
        var network = dino
        network.hiddenWidth = 48
        network.registers = 4
        network.feedForward = .swiGLU
        network.hasLayerScale = true
        return network
    }()

    static let cases = [
        Case(
            name: "adamw", optimizer: .adamW, learningRate: 0.05, frozenEpochs: 1, clip: 3,
            hasBatchNorm: false, learnsMagnitude: false),
        Case(
            name: "sgd", optimizer: .sgd, learningRate: 2, frozenEpochs: 0, clip: 0.02,
            hasBatchNorm: true, learnsMagnitude: true),
        Case(
            name: "lars", optimizer: .lars, learningRate: 20, frozenEpochs: 0, clip: nil,
            hasBatchNorm: false, learnsMagnitude: true),
        Case(
            name: "dinov2", optimizer: .adamW, learningRate: 0.5, frozenEpochs: 1, clip: 3,
            hasBatchNorm: false, learnsMagnitude: false, network: dinov2, file: "training_dinov2"),
    ]

    static func file(_ test: Case) throws -> TensorFile {
        try TensorFile(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Fixtures/\(test.file).safetensors").path)
    }

    /// The first numbers of SplitMix64, as multiples of 2^-23 from -1 to 1, times a factor.
    static func uniform(_ shape: Shape, seed: UInt64, times factor: Float = 1) -> Tensor {
        var generator = SplitMix64(seed: seed)
        return Tensor(shape: shape) {
            for i in $0.indices { $0[i] = (Float(generator.next() >> 40) * 0x1p-23 - 1) * factor }
        }
    }

    static func options(_ test: Case) -> DINOOptions {
        var head = DINOHead.Options(prototypes: 12)
        head.hiddenWidth = 24
        head.bottleneckWidth = 8
        head.hasBatchNorm = test.hasBatchNorm
        head.learnsMagnitude = test.learnsMagnitude
        var options = DINOOptions(network: test.network, head: head, optimizer: test.optimizer)
        options.loss.teacherTemperature = LinearWarmup(from: 0.04, to: 0.07, warmupEpochs: 2)
        options.epochs = steps / stepsPerEpoch
        options.warmupEpochs = 1
        options.learningRate = test.learningRate
        options.teacherMomentum = 0.9
        options.gradientClip = test.clip
        options.frozenLastLayerEpochs = test.frozenEpochs
        options.stochasticDepth = 0
        return options
    }

    static func trainer(_ options: DINOOptions, pictures: Int = pictures) -> DINOTrainer {
        var generator = SplitMix64(seed: 0)
        var student = DINONetwork(options, using: &generator)
        var index: UInt64 = 0
        student.forEachParameter { name, parameter in
            defer { index += 1 }
            if name.hasSuffix("weight_g") { return }
            let shape = parameter.shape
            let isMatrix = shape.rank > 1
            var factor: Float = isMatrix ? Float(1.5 / Double(shape[1]).squareRoot()) : 0.2
            if isMatrix && (name.contains("token") || name.contains("pos_embed")) { factor = 1 }
            var offset: Float = 0
            if name.hasSuffix("gamma") { offset = 0.5 }
            if !isMatrix && name.hasSuffix("weight") { offset = 1 }
            let drawn = uniform(shape, seed: 1000 + index, times: factor)
            parameter = Tensor(drawn.elements.map { $0 + offset }, shape: shape)
        }
        return DINOTrainer(
            options, student: student, batchSize: pictures, stepsPerEpoch: stepsPerEpoch)
    }

    static func batch(step: Int) -> MultiCropBatch {
        func crops(_ view: Int, side: Int) -> Tensor {
            uniform(
                [pictures, 3, side, side], seed: UInt64(1_000_000 + 100 * step + view), times: 2)
        }
        return MultiCropBatch(
            globals: (0..<2).map { crops($0, side: sides.large) },
            locals: (2..<4).map { crops($0, side: sides.small) })
    }
}

/// The distance between two tensors, relative to the length of the second; infinite if their counts differ.
func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
    guard a.count == b.count else { return .infinity }
    var distance = 0.0
    var length = 0.0
    for (x, y) in zip(a.elements, b.elements) {
        distance += Double(x - y) * Double(x - y)
        length += Double(y) * Double(y)
    }
    return (distance / length).squareRoot()
}
