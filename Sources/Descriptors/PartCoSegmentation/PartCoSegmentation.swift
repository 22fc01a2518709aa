import Images
import Platform
import Tensors

/// What tells the parts of the common objects of several pictures: centres of descriptors, one for
/// each part, and centres of what is background. Made by fitting it to pictures; then also of use for
/// others.
///
/// - Paper: Amir et al., "Deep ViT Features as Dense Visual Descriptors" (2021), section 4.2;
///   code: dino-vit-features, part_cosegmentation.py.
public struct PartCoSegmentation: Sendable {
    public let options: Options
    /// The centre of each part, `[parts, channels]`: as many as asked for, unless the foreground has
    /// fewer descriptors; none where there is no foreground.
    public let parts: Tensor
    /// The centres of what is background, `[centres, channels]`.
    public let background: Tensor

    /// How the parts are found. The defaults are those of part_cosegmentation.py, in whose words the
    /// names in brackets are.
    public struct Options: Hashable, Sendable, Codable {
        /// How the foreground is found, and the descriptors are taken and clustered.
        public var foreground = CoSegmentation.Options()
        /// How many parts there are to be (`num_parts`).
        public var parts = 4
        /// Crops of each picture and of its mirror image that are clustered with it
        /// (`num_crop_augmentations`): more for small sets that vary much.
        public var crops = 0
        public var stages = Stages.two
        /// How labels are made to follow the edges of the picture; nil: not at all.
        public var refinement: DenseCRF? = DenseCRF()

        /// How the parts come out of the foreground.
        public enum Stages: Hashable, Sendable, Codable {
            /// The foreground is divided into the parts.
            case two
            /// The foreground is divided into as many clusters as the elbow rule finds, what is
            /// not in every picture is left out as no common object, and the rest divided into the
            /// parts (`three_stages`; 0.94: `elbow_second_stage`).
            case three(elbow: Double = 0.94)
        }

        public init() {}
    }

    init(options: Options, parts: Tensor, background: Tensor) {
        self.options = options
        self.parts = parts
        self.background = background
    }

    /// Finds the foreground as `CoSegmentation` does and divides it into parts.
    ///
    /// - Parameters:
    ///   - pictures: at least one, all with the same channels and with a saliency map.
    ///   - crops: those of the pictures, see `Options.crops(of:index:)`. They are clustered too but
    ///     neither vote for the foreground nor say what is common.
    /// - Precondition: the options ask for 1 to 255 parts; else as `CoSegmentation`.
    /// - Complexity: as `CoSegmentation`; with three stages also the refinement of each picture and
    ///   crop.
    public init(
        fitting pictures: [SegmentationFeatures], crops: [SegmentationFeatures] = [],
        options: Options = Options()
    ) {
        self.init(fitting: pictures, crops: crops, options: options) { CellSampling(of: $0) }
    }

    /// - Parameter sampling: how the cells of a picture and its pixels take each other's values. Tests
    ///   have the reference's, which stretches the grid over the picture.
    package init(
        fitting pictures: [SegmentationFeatures], crops: [SegmentationFeatures], options: Options,
        sampling: (SegmentationFeatures) -> CellSampling
    ) {
        require(
            Options.Bounds.parts.range ~= options.parts,
            "PartCoSegmentation: \(options.parts) parts")
        let model = CoSegmentation(
            fitting: pictures, augmentations: crops, options: options.foreground)
        let all = pictures + crops
        let background = model.centres.samples(
            model.isSalient.indices.filter { !model.isSalient[$0] })
        var foreground = all.map { model.foreground(of: $0) }
        let clustering = options.foreground.clustering
        let seed = options.foreground.seed
        func selections() -> [DescriptorClustering.Selection] {
            zip(all, foreground).map { picture, mask in
                .init(picture.descriptors.matrix, rows: mask.indices.filter { mask[$0] })
            }
        }
        guard case .three(let elbow) = options.stages else {
            self.init(
                options: options,
                parts: clustering.fit(
                    selections(), clusters: options.parts, seed: seed),
                background: background)
            return
        }
        let objects = PartCoSegmentation(
            options: options,
            parts: clustering.fit(selections(), elbow: elbow, seed: seed).centres,
            background: background)
        let labels = inParallel(all) { picture in
            let sampling = sampling(picture)
            return objects.labels(of: picture, by: sampling).cells(by: sampling)
        }
        let common = (0..<objects.parts.shape[0]).filter { object in
            labels.prefix(pictures.count).allSatisfy { $0.contains(UInt8(object + 1)) }
        }
        let isCommon = Set(common.map { UInt8($0 + 1) })
        foreground = labels.map { $0.map(isCommon.contains) }
        let others = (0..<objects.parts.shape[0]).filter { !common.contains($0) }
        self.init(
            options: options,
            parts: clustering.fit(selections(), clusters: options.parts, seed: seed),
            background: .concatenated([background, objects.parts.samples(others)]))
    }

    /// Divides objects that are known already into parts.
    ///
    /// There is no background then: `labels(of:)` gives each pixel the part that it is most like, also
    /// outside of the object.
    ///
    /// - Parameter masks: of each photo, at its own size; the object is what is not 0.
    /// - Precondition: there are as many masks as pictures, each of its photo's size; the options ask for
    ///   1 to 255 parts. Of the options of the foreground only the clustering's and the seed are read.
    public init(
        fitting pictures: [SegmentationFeatures], masks: [LabelMap], options: Options = Options()
    ) {
        require(
            pictures.count == masks.count && Options.Bounds.parts.range ~= options.parts,
            "PartCoSegmentation: \(masks.count) masks of \(pictures.count) pictures, "
                + "\(options.parts) parts")
        let selections = zip(pictures, masks).map { picture, mask in
            DescriptorClustering.Selection(
                picture.descriptors.matrix, rows: picture.descriptors.cells(in: mask))
        }
        self.init(
            options: options,
            parts: options.foreground.clustering.fit(
                selections, clusters: options.parts, seed: options.foreground.seed),
            background: Tensor(repeating: 0, shape: [0, pictures.first?.descriptors.channels ?? 0]))
    }

    /// The part at each pixel of a picture as the network saw it: 0 is background, the first part 1.
    ///
    /// - Precondition: the picture's descriptors have the channels of those that were fitted.
    /// - Complexity: O(cells * centres * channels), and the refinement.
    public func labels(of picture: SegmentationFeatures) -> LabelMap {
        labels(of: picture, by: CellSampling(of: picture))
    }

    package func labels(of picture: SegmentationFeatures, by sampling: CellSampling) -> LabelMap {
        let image = picture.image
        guard parts.shape[0] > 0 else {
            return LabelMap(
                width: image.width, height: image.height,
                labels: Array(repeating: 0, count: image.width * image.height))
        }
        let energies = energies(of: picture, by: sampling)
        let labels =
            options.refinement?.labels(unaries: energies, image: image).map { number(Int($0)) }
            ?? least(energies)
        return LabelMap(width: image.width, height: image.height, labels: labels)
    }

    /// The energy of each label at each pixel, `[labels, height, width]`: its squared distance, less
    /// that of the farthest label of the pixel. The labels are the parts and then the background,
    /// whose distance is that of its nearest centre; without a background, the parts alone.
    private func energies(
        of picture: SegmentationFeatures, by sampling: CellSampling
    ) -> Tensor {
        let matrix = picture.descriptors.matrix
        let toParts = squaredDistances(of: matrix, from: parts)
        let count = parts.shape[0]
        let hasBackground = background.shape[0] > 0
        let labels = count + (hasBackground ? 1 : 0)
        let toBackground =
            hasBackground ? NearestCentres(of: matrix, among: background).squaredDistances : []
        var cells = [Float](repeating: 0, count: labels * matrix.shape[0])
        toParts.withUnsafeElements { toParts in
            for cell in 0..<matrix.shape[0] {
                var distances = Array(toParts[cell * count..<(cell + 1) * count])
                if hasBackground { distances.append(toBackground[cell]) }
                let farthest = distances.max() ?? 0
                for (label, distance) in distances.enumerated() {
                    cells[label * matrix.shape[0] + cell] = distance - farthest
                }
            }
        }
        let grid = picture.descriptors.grid
        let (width, height) = (picture.image.width, picture.image.height)
        return Tensor(shape: [labels, height, width]) { target in
            var at = 0
            for label in 0..<labels {
                for row in sampling.rows {
                    let start = label * matrix.shape[0] + row * grid.columns
                    for column in sampling.columns {
                        target[at] = cells[start + column]
                        at += 1
                    }
                }
            }
        }
    }

    /// The label of the least energy at each pixel.
    private func least(_ energies: Tensor) -> [UInt8] {
        let count = energies.shape[1] * energies.shape[2]
        return energies.withUnsafeElements { energies in
            (0..<count).map { pixel in
                var best = 0
                for label in 1..<max(1, energies.count / count)
                where energies[label * count + pixel] < energies[best * count + pixel] {
                    best = label
                }
                return number(best)
            }
        }
    }

    /// What a label is called: a part by its number from 1 on, the background, which comes after
    /// the parts, 0.
    private func number(_ label: Int) -> UInt8 { label < parts.shape[0] ? UInt8(label + 1) : 0 }
}

extension PartCoSegmentation.Options {
    /// How much of each side a crop has: `random_crop` of part_cosegmentation.py.
    private static let cropPart = 0.95

    /// The crops of a picture and of its mirror image, in turn, whose features are handed to fitting.
    ///
    /// - Parameters:
    ///   - image: at the network's size.
    ///   - index: of the picture in the set; each has its own random numbers.
    public func crops(of image: Image, index: Int) -> [Image] {
        var generator = Xoshiro256(seed: foreground.seed, stream: 4, index)
        let width = max(1, Int(Double(image.width) * Self.cropPart))
        let height = max(1, Int(Double(image.height) * Self.cropPart))
        return (0..<2 * crops).map { crop in
            let box = Box(
                x: generator.nextIndex(below: image.width - width + 1),
                y: generator.nextIndex(below: image.height - height + 1), width: width,
                height: height)
            return image.resizedCrop(
                box, width: width, height: height, using: .nearest, mirrored: crop % 2 == 1)
        }
    }
}

/// What each picture gives, in order.
private func inParallel<Result>(
    _ pictures: [SegmentationFeatures], _ body: (SegmentationFeatures) -> Result
) -> [Result] {
    [Result](unsafeUninitializedCapacity: pictures.count) { buffer, initialized in
        guard let base = buffer.baseAddress else { return }
        // Each task writes its own element.
        Parallelism.perform(count: pictures.count) { index in
            (base + index).initialize(to: body(pictures[index]))
        }
        initialized = pictures.count
    }
}
