import Foundation
import Platform
import Tensors
import ViT

/// `checkpoint.safetensors`: everything there is to a training.
///
/// Tensors: those of `DINOTrainer.state`, the networks' in the shapes of the official files, so that
/// the checkpoint is a weight file too; and a hash of each picture. Metadata: the configuration as JSON,
/// the steps taken, the pictures' number and the hash of their names. Generators have no state beside
/// the seed and the step.
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

    /// Opens a checkpoint and checks its metadata. Complexity: O(header).
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
                    path: path, reason: "it is no checkpoint of training: it has no \(key)")
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
                reason: "its teacher's outputs are learnt, which this version no longer does; it"
                    + " learns a teacher's features")
        }
        if let fault = configuration.fault {
            throw .unreadable(path: path, reason: "its configuration is not sound: \(fault)")
        }
        try checkCounts()
    }

    /// Throws where the networks of the configuration have other numbers of parameters than the file
    /// holds: memory is taken by the one, and has to be in proportion to the other.
    private func checkCounts() throws(TrainingRunError) {
        guard file.format == .safetensors else {
            throw .unreadable(
                path: file.path,
                reason: "it is no checkpoint of training: it is no safetensors file")
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
                    reason: "\(prefix)… has \(found) parameters, and its configuration \(expected)")
            }
        }
    }

    /// - Throws: `TrainingRunError` where a run with these options over these pictures is another one.
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

    /// The pictures' contents as they were; nil where a checkpoint of an earlier version has none.
    ///
    /// - Precondition: the pictures' names were checked.
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

    /// The training as it was. Complexity: O(parameters).
    ///
    /// - Throws: where the file contradicts itself: a step beyond the last or other than the optimiser's,
    ///   a tensor of another shape or with elements that are not finite.
    /// - Precondition: the configuration gives the same results as the checkpoint's.
    func trainer(
        _ configuration: TrainingConfiguration, _ featureTeacher: (any Backbone)?,
        stepsPerEpoch: Int
    ) throws(TrainingRunError) -> DINOTrainer {
        let steps = configuration.options.epochs * stepsPerEpoch
        guard 0...steps ~= step else {
            throw .unreadable(
                path: file.path, reason: "it says that \(step) steps of \(steps) were taken")
        }
        var trainer = DINOTrainer(
            configuration.options, featureTeacher: featureTeacher,
            batchSize: configuration.picturesPerStep, stepsPerEpoch: stepsPerEpoch)
        do {
            let started = trainer
            try trainer.restore(step: step) { name, shape in
                // Official shapes hold the same elements in the same order.
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
