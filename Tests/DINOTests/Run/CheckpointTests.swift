import DINO
import Foundation
import Images
import Tensors
import Testing

/// A checkpoint in which one number was changed is rejected with a one-sentence error: whatever the number must agree with
/// is in the file too.
@Suite struct CheckpointTests {
    /// A training run that was stopped early, by default after 3 of 6 steps.
    private final class StoppedRun {
        let pictures: TemporaryFolder
        let folder: TemporaryFolder
        let configuration: TrainingConfiguration
        let tensors: [String: Tensor]
        let metadata: [String: String]
        var path: String { folder.path + "/checkpoint.safetensors" }

        init(
            after stop: Int = 3, _ change: (inout TrainingConfiguration) -> Void = { _ in }
        ) throws {
            pictures = try BatchTests.plainPictures(4)
            folder = try TemporaryFolder()
            var configuration = TrainingConfiguration(
                options: TrainingFixture.options(TrainingFixture.cases[0]))
            configuration.options.loss.teacherTemperature.warmupEpochs = 0
            configuration.options.learningRate = 0.001
            configuration.options.epochs = 6
            (configuration.crops.globalSide, configuration.crops.localSide) = (32, 16)
            configuration.crops.localCount = 1
            configuration.batchSize = 4
            change(&configuration)
            self.configuration = configuration
            var run = try TrainingRun(
                in: folder.path, configuration: configuration,
                pictures: PictureFolder(pictures.path), resuming: false)
            var steps = 0
            _ = try run.train(stoppingWhen: {
                steps += 1
                return steps == stop
            })
            let file = try TensorFile(contentsOf: folder.path + "/checkpoint.safetensors")
            metadata = file.metadata
            tensors = Dictionary(
                uniqueKeysWithValues: try file.names.map { ($0, try file.tensor(named: $0)) })
        }

        /// Replaces the checkpoint's content and resumes for one step.
        ///
        /// - Returns: the text of the error; nil if there is none.
        func resume(_ tensors: [String: Tensor]? = nil, _ metadata: [String: String]? = nil)
            throws -> String?
        {
            try Safetensors.write(
                tensors ?? self.tensors, metadata: metadata ?? self.metadata, to: path)
            do {
                let stored = try #require(try TrainingRun.configuration(in: folder.path))
                var run = try TrainingRun(
                    in: folder.path, configuration: stored,
                    pictures: PictureFolder(pictures.path), resuming: true)
                _ = try run.train(stoppingWhen: { true })
                return nil
            } catch {
                return "\(error)"
            }
        }

        func changing(_ name: String, _ body: (inout Tensor) -> Void) -> [String: Tensor] {
            var tensors = tensors
            if var tensor = tensors[name] {
                body(&tensor)
                tensors[name] = tensor
            }
            return tensors
        }

        /// The metadata with one value of the configuration changed, at a key path such as `a.b.c`.
        func changing(_ keyPath: String, to value: Any) throws -> [String: String] {
            func changed(_ object: Any, _ keys: ArraySlice<Substring>) throws -> Any {
                guard let key = keys.first else { return value }
                var values = try #require(object as? [String: Any])
                values[String(key)] = try changed(
                    values[String(key)] ?? [String: Any](), keys.dropFirst())
                return values
            }
            let text = try #require(metadata["configuration"])
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let data = try JSONSerialization.data(
                withJSONObject: changed(object, keyPath.split(separator: ".")[...]))
            return metadata.merging(["configuration": String(decoding: data, as: UTF8.self)]) { $1 }
        }
    }

    @Test func resumesFromUnchangedCheckpoint() throws {
        #expect(try StoppedRun().resume() == nil)
    }

    /// With layers frozen for some epochs, a magnitude that is never trained and dropped branches, the optimiser's step
    /// counts differ between parameters.
    @Test func resumesWithDifferentStepCounts() throws {
        let run = try StoppedRun(after: 9) {
            $0.options.frozenNetworkEpochs = 1
            $0.options.frozenLastLayerEpochs = 2
            $0.options.stochasticDepth = 0.9
            $0.batchSize = 1
            $0.options.epochs = 3
            $0.crops.localCount = 0
        }
        #expect(try run.resume() == nil)
    }

    @Test func rejectsChangedConfiguration() throws {
        let run = try StoppedRun()
        let cases: [(String, Any, String)] = [
            ("options.epochs", 1 << 20, "epochs 1048576 is not from 1 to 100000"),
            ("options.epochs", 2, "3 steps of 2"),
            ("options.learningRate", 1e300, "learning rate"),
            ("options.loss.studentTemperature", 1e-300, "temperature"),
            ("options.activationMemory", Int.max, "memory for activations"),
            ("options.head.layers", 4, "student.head.… has"),
            ("options.head.hiddenWidth", 25, "student.head.… has"),
            ("options.network.depth", 1024, "student.backbone.… has"),
            ("options.network.positionGrid", ["rows": 4096, "columns": 4096], "student.backbone"),
            ("options.network.positionGrid", ["rows": 1 << 20, "columns": 1], "position grid"),
            ("options.network.heads", 3, "heads"), ("accumulation", 1 << 20, "batches per step"),
            ("crops.mean", [Double](), "0 means"),
            ("crops.standardDeviation", [0.2, 0, 0.2], "deviation"),
            ("crops.blurRadius", [0, 1e300], "blur radius"),
            ("crops.blurRadius", [-5, -1], "blur radius"),
            ("crops.jitter.hue", 0.6, "hue"), ("crops.jitter.contrast", -1, "jitter"),
            ("crops.mirroring", 2, "probability"),
            ("crops.globalScale", [0, 0.5], "share of a picture"),
        ]
        for (keyPath, value, part) in cases {
            let message = try run.resume(nil, run.changing(keyPath, to: value))
            #expect(
                message?.hasPrefix(run.path) == true && message?.contains(part) == true,
                "\(keyPath) \(value): \(message ?? "accepted")")
        }
    }

    @Test func rejectsInconsistentStepCounts() throws {
        let run = try StoppedRun()
        for (step, part) in [
            ("7", "7 steps of 6"), ("-1", "-1 steps"), ("9223372036854775807", "steps of 6"),
            ("6", "counts 3.0 steps"), ("2", "counts 3.0 steps"), ("nan", "no step"),
        ] {
            let message = try run.resume(nil, run.metadata.merging(["step": step]) { $1 })
            #expect(message?.contains(part) == true, "\(step): \(message ?? "accepted")")
        }
        for count: Float in [.nan, 1e30, 2, 2.5, -1, 4] {
            let message = try run.resume(
                run.changing("optimizer.steps") { $0.withUnsafeMutableElements { $0[1] = count } })
            #expect(
                message?.hasPrefix(run.path) == true && message?.contains("steps") == true,
                "\(count): \(message ?? "accepted")")
        }
    }

    @Test func rejectsInvalidElements() throws {
        let run = try StoppedRun()
        let average = "backbone.blocks.1.mlp.fc1.weight"
        for (name, value) in [
            ("student.backbone.cls_token", Float.nan), ("teacher.head.mlp.0.weight", .infinity),
            ("centre", -.infinity), ("optimizer.0." + average, .nan),
            ("optimizer.1." + average, -1e-9),
        ] {
            let message = try run.resume(
                run.changing(name) { $0.withUnsafeMutableElements { $0[0] = value } })
            #expect(
                message?.hasPrefix(run.path) == true && message?.contains(name) == true,
                "\(name): \(message ?? "accepted")")
        }
        let shorter = run.changing("optimizer.0." + average) {
            $0 = Tensor(repeating: 0, shape: [3])
        }
        #expect(try run.resume(shorter)?.contains("expected") == true)
    }
}
