import DINO
import Foundation
import Tensors
import Testing
import ViT

/// Every number in a configuration is bounded, so that no file and no user can request values that crash the process.
@Suite struct OptionBoundsTests {
    /// A configuration with all optional parts.
    static func full() throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration(preset: .quick)
        configuration.options.distillation = DistillationOptions(
            teacher: .maps(hasSaliency: true), channels: 8)
        return configuration
    }

    @Test func defaultsAreWithinBounds() throws {
        for preset in TrainingConfiguration.Preset.allCases {
            let configuration = TrainingConfiguration(preset: preset)
            #expect(configuration.fault == nil)
        }
        #expect(try Self.full().fault == nil)
        #expect(LinearEvaluation().fault == nil)
        #expect(VisionTransformer.Configuration.base().fault == nil)
    }

    @Test func everyNumberIsBounded() throws {
        #expect(try unboundedNumbers(of: Self.full()) == ["seed"])
        #expect(try unboundedNumbers(of: LinearEvaluation()) == ["seed"])
    }

    @Test(arguments: [
        "not finite", "a list too short", "a crop smaller than a patch", "heads that do not divide",
        "a warm-up that is too long", "a layer too many", "nothing to learn", "too many parameters",
        "another normalisation", "a network that never learns",
    ])
    func rejectsInconsistentOptions(_ case: String) throws {
        var configuration = try Self.full()
        switch `case` {
        case "not finite": configuration.options.learningRate = .nan
        case "a list too short": configuration.crops.standardDeviation = [1, 1]
        case "a crop smaller than a patch": configuration.crops.localSide = 7
        case "heads that do not divide": configuration.options.network.heads = 5
        case "a warm-up that is too long": configuration.options.warmupEpochs = 11
        case "a layer too many": configuration.options.distillation?.taps[0].layer = 4
        case "another normalisation": configuration.crops.mean = Normalization.satellite.mean
        case "a network that never learns":
            configuration.options.frozenNetworkEpochs = Double(configuration.options.epochs)
        case "nothing to learn":
            configuration.options.objectives.dino = 0
            configuration.options.distillation = nil
        default:
            configuration.options.network = .init(width: 65536, depth: 1024, heads: 1, patchSize: 8)
        }
        let fault = try #require(configuration.fault)
        #expect(!fault.hasSuffix(".") && fault.count < 120, "\(fault)")
    }

    /// Counted by hand. A head with 4 inputs, two layers of 3 and 2 outputs and 5 prototypes has 4 * 3 + 3, 3 * 2 + 2 and
    /// 5 * 2 + 5 parameters.
    @Test func leastMemoryMatchesCount() {
        var head = DINOHead.Options(prototypes: 5)
        (head.layers, head.hiddenWidth, head.bottleneckWidth) = (2, 3, 2)
        for hasBatchNorm in [false, true] {
            head.hasBatchNorm = hasBatchNorm
            // A network of width 4, depth 1, hidden width 8 and 2x2 patches of 2x2 pixels: class token 4, positions
            // 5 * 4, patch embedding 4 * 12 + 4; two norms of 8, attention 4 * 12 + 12 and 4 * 4 + 4, MLP
            // 2 * 4 * 8 + 12; last norm 8.
            let network = VisionTransformer.Configuration(
                width: 4, depth: 1, heads: 1, patchSize: 2, hiddenWidth: 8,
                positionGrid: PatchGrid(rows: 2, columns: 2))
            var configuration = TrainingConfiguration(options: .init(network: network, head: head))
            configuration.crops.globalSide = 4
            configuration.crops.localCount = 0
            configuration.batchSize = 1
            let backbone = 4 + 20 + 52 + 16 + 60 + 20 + 76 + 8
            let parameters = backbone + 15 + 8 + 15 + (hasBatchNorm ? 6 : 0)
            // Student, gradient, two moments and teacher; outputs and targets of two crops; the crops; and the
            // activations kept for both: for each of a block's 5 tokens 6 widths and the hidden layer, and 4 hidden
            // widths and 3 outputs of the head.
            let crops = 2 * 4 * 4 * 3
            let kept = 2 * (5 * (6 * 4 + 8) + 4 * 3 + 3 * 5)
            let floats = 5 * parameters + 2 * 2 * 5 + crops + kept
            #expect(configuration.leastMemory == Double(4 * floats))
            #expect(configuration.shortage(of: 4 * floats) == nil)
            #expect(configuration.shortage(of: 4 * floats - 1) != nil)
        }
    }
}

/// The names of the numbers in the options' JSON that may take an extreme value: neither decoding nor `fault` rejects it.
/// Independent of the declared bounds.
func unboundedNumbers(of options: some Codable & Bounded) throws -> Set<String> {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let json = String(decoding: try encoder.encode(options), as: UTF8.self)
    func accepts<Options: Codable & Bounded>(_ json: String, as _: Options) -> Bool {
        guard let read = try? JSONDecoder().decode(Options.self, from: Data(json.utf8)) else {
            return false
        }
        return read.fault == nil
    }
    var names: Set<String> = []
    var count = 0
    for match in json.matches(of: /(?<before>[:\[,])(?<number>-?[0-9][0-9.eE+-]*)/) {
        count += 1
        for value in ["9223372036854775807", "1e300", "-1e300", "-9223372036854775808"] {
            var changed = json
            changed.replaceSubrange(
                match.output.number.startIndex..<match.output.number.endIndex, with: value)
            guard accepts(changed, as: options) else { continue }
            let start = json[..<match.range.lowerBound]
            names.insert(start.matches(of: /"(\w+)":?/).last.map { String($0.output.1) } ?? "?")
        }
    }
    #expect(count > 3, "only \(count) numbers were found in \(json)")
    return names
}

/// LightlyTrain's table (`DINOArgs.resolve_auto` of src/lightly_train/_methods/dino/dino.py).
@Suite struct DataSizeDefaultsTests {
    @Test(arguments: [
        (1000, 1024, 0.02, 0.02, 0.99), (20_000, 2048, 0.02, 0.02, 0.99),
        (650_000, 65536, 0.045, 0.03, 0.993), (5_000_000, 65536, 0.07, 0.04, 0.996),
    ])
    func defaultsMatchLightlyTrain(
        _ pictures: Int, _ prototypes: Int, _ last: Double, _ first: Double, _ momentum: Double
    ) {
        let defaults = DataSizeDefaults(pictures: pictures)
        #expect(defaults.prototypes == prototypes)
        #expect(abs(defaults.teacherTemperature - last) < 1e-9)
        #expect(abs(defaults.firstTeacherTemperature - first) < 1e-9)
        #expect(abs(defaults.teacherMomentum - momentum) < 1e-9)
    }

    /// With 1,000 pictures in batches of 100, which are 10 steps per epoch, the share of the epochs is the lower limit.
    @Test func warmUpsAreLimitedInStepsAndEpochs() {
        var configuration = TrainingConfiguration(preset: .auto)
        (configuration.batchSize, configuration.options.epochs) = (100, 200)
        configuration.fit(toPictures: 1000)
        #expect(configuration.options.warmupEpochs == 20)
        #expect(configuration.options.loss.teacherTemperature.warmupEpochs == 60)
        #expect(configuration.options.frozenLastLayerEpochs == 20)
        // With 1,000 steps per epoch the steps are the limit: 37.5, 12.5 and 1.25 epochs.
        configuration.fit(toPictures: 100_000)
        #expect(
            configuration.options.warmupEpochs == 12 || configuration.options.warmupEpochs == 13)
        #expect([37, 38].contains(configuration.options.loss.teacherTemperature.warmupEpochs))
        #expect(configuration.options.frozenLastLayerEpochs == 1)
        #expect(configuration.options.finalWeightDecay == configuration.options.weightDecay)
    }
}
