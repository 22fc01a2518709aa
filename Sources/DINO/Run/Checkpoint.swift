import Foundation
import Platform
import Tensors
import ViT

/// `checkpoint.safetensors`: the complete state of a training run.
///
/// Tensors: those of `DINOTrainer.state`, with the networks' parameters in the shapes of the official files, so
/// that the checkpoint is a weight file too; and a hash of each picture. Metadata: the configuration as JSON, the
/// number of steps taken, and the number of pictures with a hash of their names. Random generators have no state
/// beyond the seed and the step.
struct Checkpoint {
    let step: Int
    let configuration: TrainingConfiguration
    let pictures: PictureFingerprint
    private let file: TensorFile

    private enum Key {
        static let step = "step"
        static let configuration = "configuration"
        static let pictures = "pictures"
        /// The tensor with the pictures' hashes.
        static let contents = "pictures.contents"
    }

    /// - Throws: `TensorFileError.unwritable`.
    static func write(
        _ trainer: DINOTrainer, configuration: TrainingConfiguration,
        pictures: PictureFingerprint, contents: PictureContents, to path: String
    ) throws {
        var tensors = trainer.state
        tensors[Key.contents] = contents.digests
        for (name, network) in [("student", trainer.student), ("teacher", trainer.teacher)] {
            for (own, shape) in network.backbone.configuration.parameterShapes {
                let key = "\(name).backbone.\(own)"
                tensors[key] = tensors[key]?.reshaped(to: shape)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        func text(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        try Safetensors.write(
            tensors,
            metadata: [
                Key.step: "\(trainer.step)", Key.configuration: try text(configuration),
                Key.pictures: try text(pictures),
            ].merging(WeightFile.metadata(for: trainer.teacher.backbone.configuration)) {
                own, _ in own
            }, to: path)
    }

    /// Opens a checkpoint and checks its metadata.
    ///
    /// - Complexity: O(header).
    init(contentsOf path: String) throws(TrainingRunError) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        func value<Value: Decodable>(_ key: String) throws(TrainingRunError) -> Value {
            guard let text = file.metadata[key],
                let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
            else {
                throw .unreadable(
                    path: path, reason: "it is not a training checkpoint: it has no \(key)")
            }
            return value
        }
        self.file = file
        step = try value(Key.step)
        configuration = try value(Key.configuration)
        pictures = try value(Key.pictures)
        struct Former: Decodable {
            struct Teacher: Decodable {}
            var fixedTeacher: Teacher?
        }
        let former: Former = try value(Key.configuration)
        guard former.fixedTeacher == nil else {
            throw .unreadable(
                path: path,
                reason: "it distils a teacher's outputs, which is no longer supported; distil a"
                    + " teacher's features instead")
        }
        if let fault = configuration.fault {
            throw .unreadable(path: path, reason: "its configuration is invalid: \(fault)")
        }
        try checkCounts()
    }

    /// Throws if the file's number of parameters differs from that of the configuration's networks. Memory is
    /// allocated by the configuration, and must be in proportion to the file.
    private func checkCounts() throws(TrainingRunError) {
        guard file.format == .safetensors else {
            throw .unreadable(
                path: file.path,
                reason: "it is not a training checkpoint: it is not a safetensors file")
        }
        let counts = configuration.parameterCounts
        for (prefix, expected) in ["student.", "teacher."].flatMap({ network in
            counts.map { (network + $0.prefix, $0.count) }
        }) {
            let found = file.names.reduce(0) { sum, name in
                sum + (name.hasPrefix(prefix) ? file.shape(of: name)?.count ?? 0 : 0)
            }
            guard found == expected else {
                throw .unreadable(
                    path: file.path,
                    reason: "\(prefix)… has \(found) parameters, its configuration \(expected)")
            }
        }
    }

    /// Checks that a run with these options and pictures can be resumed from the checkpoint.
    ///
    /// - Throws: `TrainingRunError` if it cannot.
    func check(
        _ configuration: TrainingConfiguration, _ pictures: PictureFingerprint, folder: String
    ) throws(TrainingRunError) {
        let differences = configuration.differences(from: self.configuration)
        guard differences.isEmpty else {
            throw .otherOptions(folder: folder, differences: differences)
        }
        guard pictures == self.pictures else {
            throw .otherPictures(
                folder: folder, found: pictures.count, expected: self.pictures.count)
        }
    }

    /// The hashes of the pictures' contents at the time of the checkpoint; nil if an earlier version wrote it
    /// without them.
    ///
    /// - Precondition: the pictures' names have been checked.
    func contents() throws(TrainingRunError) -> PictureContents? {
        guard let shape = file.shape(of: Key.contents) else { return nil }
        guard shape == [pictures.count] else {
            throw .unreadable(
                path: file.path,
                reason: "\(Key.contents) is \(shape), expected \(pictures.count)")
        }
        do {
            return PictureContents(digests: try file.tensor(named: Key.contents))
        } catch {
            throw .file(error)
        }
    }

    /// Restores the training.
    ///
    /// - Throws: if the file contradicts itself: a step beyond the last or other than the optimiser's, or a tensor
    ///   with the wrong shape or non-finite elements.
    /// - Precondition: the configuration gives the same results as the checkpoint's.
    /// - Complexity: O(parameters).
    func trainer(
        _ configuration: TrainingConfiguration, _ featureTeacher: (any Backbone)?,
        stepsPerEpoch: Int, across communicator: any Communicator
    ) throws(TrainingRunError) -> DINOTrainer {
        let steps = configuration.options.epochs * stepsPerEpoch
        guard 0...steps ~= step else {
            throw .unreadable(
                path: file.path, reason: "it records \(step) steps of \(steps)")
        }
        var trainer = DINOTrainer(
            configuration.options, featureTeacher: featureTeacher,
            batchSize: configuration.picturesPerStep, stepsPerEpoch: stepsPerEpoch,
            across: communicator)
        do {
            let started = trainer
            try trainer.restore(step: step) { name, shape in
                // Official shapes have the same elements in the same order.
                guard let found = file.shape(of: name), found.count == shape.count else {
                    let shown = file.shape(of: name).map { "\($0)" } ?? "missing"
                    throw TrainingRunError.unreadable(
                        path: file.path, reason: "\(name) is \(shown), expected \(shape)")
                }
                let tensor = try file.tensor(named: name).reshaped(to: shape)
                if let fault = started.fault(of: tensor, named: name, step: step) {
                    throw TrainingRunError.unreadable(path: file.path, reason: fault)
                }
                return tensor
            }
        } catch let error as TrainingRunError {
            throw error
        } catch let error as TensorFileError {
            throw .file(error)
        } catch {
            fail("Checkpoint: \(error)")
        }
        return trainer
    }
}
